"""The HTTP API: translates requests into use cases and their answers into documents, decides nothing."""
