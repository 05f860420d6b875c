"""The page for people: what the service is, how it stands, and a place to try it."""
