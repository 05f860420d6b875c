"""The Retry-After field of a response (RFC 9110, section 10.2.3)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_SECONDS = 24 * 60 * 60.0
"""No peer makes the service wait longer than a day."""

_MOST_DIGITS = 18  # more is no duration, and int() refuses thousands of them


def parse_retry_after(value: str | None, *, now: datetime) -> float | None:
    """How many seconds a peer asked to wait, from 0 to `LONGEST_SECONDS`.

    Args:
        value: Seconds or an HTTP date. A date in the past means 0; a negative number is no number.
        now: The present moment, aware.

    Returns:
        None when there is nothing, or nothing that can be understood: the caller's own schedule then holds.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return LONGEST_SECONDS if len(text) > _MOST_DIGITS else min(float(text), LONGEST_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
        wait_seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError):
        return None
    return min(max(wait_seconds.total_seconds(), 0.0), LONGEST_SECONDS)
