"""The verbs: what the service does, each a class built once from the ports it needs."""
