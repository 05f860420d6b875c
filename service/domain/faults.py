"""What can go wrong with a provider, in classes that decide what happens next.

The classes are the rows of the error table that the tests of `service.domain.decisions` spell out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """One class of failure of one attempt at a provider."""

    BILLING_EXHAUSTED = "billing_exhausted"
    QUOTA_DAILY = "quota_daily"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    AMBIGUOUS = "ambiguous"  # the request was sent, the answer was lost: it may have been charged
    UNREACHABLE = "unreachable"  # nothing was sent
    MODERATED = "moderated"
    INVALID_INPUT = "invalid_input"
    AUTH = "auth"
    MODEL_UNAVAILABLE = "model_unavailable"
    EMPTY_RESULT = "empty_result"
    STORAGE = "storage"


SLOWING = frozenset({Fault.RATE_LIMITED, Fault.OVERLOADED})
"""The faults that say that there are too many calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moderation:
    """A provider's content-policy refusal, as the provider explains it."""

    stage: str = "unknown"  # input, output or unknown
    categories: tuple[str, ...] = ()


class ProviderFaultError(Exception):
    """One attempt at a provider failed.

    Args:
        fault: The class that decides what happens next.
        message: Readable text, safe to show to the caller.
        code: The provider's own stable code, for example ``billing_hard_limit_reached``.
        http_status: The provider's HTTP status, None when there was no answer.
        retry_after_seconds: How long the provider asked to wait.
        request_id: The provider's id of the request, for its support.
        moderation: Stage and categories when the content policy refused.
        called: False when the provider was not asked at all: it refuses everybody, has asked for a pause, or the
            call's turn did not come in time.
    """

    def __init__(
        self,
        fault: Fault,
        message: str,
        *,
        code: str | None = None,
        http_status: int | None = None,
        retry_after_seconds: float | None = None,
        request_id: str | None = None,
        moderation: Moderation | None = None,
        called: bool = True,
    ) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message
        self.code = code
        self.http_status = http_status
        self.retry_after_seconds = retry_after_seconds
        self.request_id = request_id
        self.moderation = moderation
        self.called = called

    @property
    def possibly_billed(self) -> bool:
        """Whether the provider may have charged for an answer that never arrived."""
        return self.fault is Fault.AMBIGUOUS
