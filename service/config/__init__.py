"""Configuration: every variable declared once, with its type, default, meaning and example.

The declarations are read from the environment by `service.config.settings`, and printed into ``CONFIGURATION.md`` and
``.env.example`` by `service.config.page`.
"""
