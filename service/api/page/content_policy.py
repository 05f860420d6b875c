"""What the page may load (Content Security Policy Level 3): itself, and pictures from where their links lead."""

from __future__ import annotations

from urllib.parse import urlsplit

from service.api.services import StorageDescription

_FIXED = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)


def content_policy(storage: StorageDescription) -> str:
    """The policy of the page for a service that keeps its pictures there."""
    return "; ".join((*_FIXED, " ".join(("img-src", "'self'", "blob:", *_picture_hosts(storage)))))


def _picture_hosts(storage: StorageDescription) -> tuple[str, ...]:
    """Links name the bucket in the path or in the host name, or lead to the bucket's public address."""
    if storage.public_url is not None:
        return (_origin(storage.public_url),)
    if storage.endpoint is None:
        return ()  # the folder's links lead here
    origin = _origin(storage.endpoint)
    return origin, origin.replace("://", "://*.", 1)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
