"""The retry schedule of callbacks: what follows from one attempt, as a value.

The specification of Standard Webhooks asks for a schedule of days with jitter, success on 2xx alone, and an end at 410.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.deliveries import DeliveryState
from service.domain.retry_after import LONGEST_SECONDS

DEFAULT_SCHEDULE_SECONDS: tuple[float, ...] = (
    5,
    30,
    2 * 60,
    5 * 60,
    30 * 60,
    2 * 3600,
    5 * 3600,
    10 * 3600,
    14 * 3600,
    20 * 3600,
    24 * 3600,
)
"""The waits after the first attempt and each later one; together a little over three days."""

JITTER = 0.2
SHORTEST_SECONDS = 1.0

_GONE = 410
_HONOURED = frozenset({429, 502, 503, 504})
_SHORTENED_UP_TO_SECONDS = 5 * 60.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a message; `wait_seconds` is None once no further attempt follows by itself."""

    state: DeliveryState
    wait_seconds: float | None = None


def verdict(
    *,
    status: int | None,
    retry_after_seconds: float | None,
    failures: int,
    schedule_seconds: Sequence[float],
    jitter: float,
) -> Verdict:
    """Decide what follows from one attempt.

    Args:
        status: The receiver's HTTP status, None when there was no answer.
        retry_after_seconds: What the receiver asked for; heeded for 429, 502, 503 and 504.
        failures: Attempts that had failed before this one since the schedule (re)started: the position in it.
        schedule_seconds: The waits after the first attempt and each later one.
        jitter: A random number from 0 to 1 that spreads the retries of many messages.
    """
    if status is not None and 200 <= status <= 299:  # noqa: PLR2004 - the class of success, RFC 9110 section 15.3
        return Verdict(DeliveryState.DELIVERED)
    if status == _GONE:
        return Verdict(DeliveryState.GONE)
    if failures >= len(schedule_seconds):
        return Verdict(DeliveryState.FAILED)
    scheduled = schedule_seconds[failures]
    asked = retry_after_seconds if status in _HONOURED else None
    return Verdict(DeliveryState.PENDING, _wait_seconds(scheduled, asked, jitter))


def _wait_seconds(scheduled: float, asked: float | None, jitter: float) -> float:
    """The wait: what the receiver asked for or, without that, what the schedule says.

    A receiver may lengthen every wait, never be asked sooner than it said, and so gets its jitter on the later side.
    It may shorten only the first waits: proxies answer ``Retry-After: 5`` for as long as an outage lasts, and a
    message that took them at their word each time would be given up within a minute.
    """
    if asked is not None and (asked >= scheduled or scheduled <= _SHORTENED_UP_TO_SECONDS):
        wait = min(asked * (1 + JITTER * jitter), LONGEST_SECONDS)
    else:
        wait = scheduled * (1 + JITTER * (2 * jitter - 1))
    return max(wait, SHORTEST_SECONDS)
