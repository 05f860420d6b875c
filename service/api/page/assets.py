"""The files that the page is made of, read once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePath

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file; `etag` is made of its content, so that every process of a fleet says the same."""

    content: bytes
    media_type: str
    etag: str


def load_assets() -> Mapping[str, Asset]:
    """All files by name."""
    found = [(file.name, PurePath(file.name).suffix, file) for file in (files(__package__) / "static").iterdir()]
    return {name: _asset(file.read_bytes(), suffix) for name, suffix, file in found if suffix in _MEDIA_TYPES}


def _asset(content: bytes, suffix: str) -> Asset:
    return Asset(content, _MEDIA_TYPES[suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')
