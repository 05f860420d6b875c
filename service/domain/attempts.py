"""How an attempt at a provider ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from service.domain.faults import Fault, ProviderFaultError
from service.domain.jobs import Attempt

SUCCEEDED = "succeeded"
"""The outcome of an attempt whose result is stored."""

INTERRUPTED = "interrupted"
"""The code of an attempt whose call was out when its worker stopped."""

WITHHELD = "withheld"
"""The code of an attempt whose call was never made, because its worker had lost the job when it was about to."""


def succeeded(attempt: Attempt, now: datetime) -> Attempt:
    """Its result is stored."""
    return replace(attempt, ended_at=now, outcome=SUCCEEDED)


def failed(attempt: Attempt, fault: ProviderFaultError, now: datetime) -> Attempt:
    """The provider refused, or did not answer as it should."""
    return replace(
        attempt,
        ended_at=now,
        outcome=fault.fault.value,
        code=fault.code,
        message=fault.message,
        http_status=fault.http_status,
        provider_request_id=fault.request_id,
        possibly_billed=fault.possibly_billed,
    )


def interrupted(attempt: Attempt, now: datetime) -> Attempt:
    """Its worker stopped while the call was out: the answer is lost, the bill may come."""
    fault = ProviderFaultError(Fault.AMBIGUOUS, "the call was out when its worker stopped", code=INTERRUPTED)
    return failed(attempt, fault, now)


def withheld(attempt: Attempt, now: datetime) -> Attempt:
    """Its worker did not make the call, having found out in time that the job is another's."""
    message = "the call was not made: its worker could not be sure that it still had the job"
    return failed(attempt, ProviderFaultError(Fault.UNREACHABLE, message, code=WITHHELD), now)


def lost(attempt: Attempt, now: datetime, *, code: str, message: str) -> Attempt:
    """Its result came and could not be stored: paid for, and gone."""
    return replace(attempt, ended_at=now, outcome=Fault.STORAGE.value, code=code, message=message, possibly_billed=True)
