"""Afterimage: an image-job service for AI agents.

The folders are layers, top to bottom: ``bootstrap`` and ``cli`` know everybody, ``api`` translates HTTP,
``usecases`` holds the verbs, ``ledger engine providers imaging storage callbacks net`` are the capabilities that
never import each other, ``ports`` is every seam between them, ``domain`` holds the nouns and does no I/O.
"""
