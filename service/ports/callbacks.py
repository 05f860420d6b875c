"""The seam to the receivers of callbacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One callback to send now. `secrets` are ``whsec_`` strings, the current first; each signs."""

    id: str
    url: str
    body: bytes
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What came of one attempt. Durations in milliseconds, None where that phase was not reached.

    Attributes:
        status: The receiver's HTTP status; None when there was no answer, then `error_code` says why.
        retry_after_seconds: What the receiver asked for, already bounded to 0 s … 24 h.
        response_excerpt: At most 4 KiB of the answer.
    """

    status: int | None
    error_code: str | None
    duration_ms: float
    dns_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    first_byte_ms: float | None = None
    retry_after_seconds: float | None = None
    response_excerpt: str | None = None


class CallbackSender(Protocol):
    """Sends signed messages. Never raises for what a receiver does."""

    def check(self, url: str) -> None:
        """Refuse what can be known to be wrong about a callback URL without resolving its name.

        Raises:
            ForbiddenURLError: from `service.ports.fetching`.
        """
        ...

    def busy(self, url: str) -> bool:
        """Whether an attempt would have to wait for others to the same host that do not get on.

        Who asks first can do other work meanwhile, so that one slow host does not take all the senders there are.
        """
        ...

    async def send(self, message: Message) -> Receipt:
        """One signed attempt, bounded in time and in what is read."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
