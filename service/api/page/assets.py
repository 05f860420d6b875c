"""The files that the page is made of, read once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

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
    folder = files(__package__) / "static"
    return {file.name: _asset(file.name, file.read_bytes()) for file in folder.iterdir()}


def _asset(name: str, content: bytes) -> Asset:
    media_type = _MEDIA_TYPES[name[name.rindex(".") :]]
    return Asset(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
