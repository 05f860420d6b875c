"""Limits on what is out at a time, for one process and for a fleet."""
