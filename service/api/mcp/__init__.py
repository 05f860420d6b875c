"""The service for models: its use cases as tools of the Model Context Protocol, revisions up to 2026-07-28."""
