"""Callbacks on their way out: signed, rewritten where the operator says so, sent one attempt at a time."""
