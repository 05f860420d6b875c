"""The seam to pictures on the web."""

from __future__ import annotations

from typing import Protocol


class ForbiddenURLError(Exception):
    """A URL that the service does not connect to. The text never tells what is behind it."""


class FetchError(Exception):
    """A picture could not be fetched; `transient` says whether trying again later may help."""

    def __init__(self, message: str, *, code: str, transient: bool, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.transient = transient
        self.retry_after_seconds = retry_after_seconds


class Fetcher(Protocol):
    """Downloads pictures through the address guard."""

    def check(self, url: str) -> None:
        """Refuse what can be known to be wrong about a URL without resolving its name.

        Raises:
            ForbiddenURLError: scheme, userinfo, fragment, control characters, or a forbidden literal address.
        """
        ...

    async def fetch(self, url: str, *, max_bytes: int) -> bytes:
        """The body behind a URL.

        Raises:
            FetchError: with `transient` set for what may pass.
            ForbiddenURLError: the name resolves to an address that is not allowed.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
