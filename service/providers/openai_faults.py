"""What the OpenAI SDK raises, as faults of the domain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from openai import APIStatusError

from service.domain.classification import Signals, classify, explained
from service.domain.faults import Fault, Moderation, ProviderFaultError
from service.domain.retry_after import LONGEST_SECONDS, parse_retry_after

_log = structlog.get_logger()
_LONGEST_MESSAGE = 500  # characters of a provider's text that are kept

_OPERATORS_BUSINESS = {
    Fault.AUTH: "the provider refuses the service's credentials",
    Fault.BILLING_EXHAUSTED: "the provider's spending limit or balance is exhausted",
}
"""Shown in place of the provider's text, which quotes parts of keys and names of organisations; that is logged."""


def refused(error: APIStatusError) -> ProviderFaultError:
    """The provider answered with an error status."""
    return fault_of(
        error.body if isinstance(error.body, Mapping) else {},
        http_status=error.status_code,
        headers=error.response.headers,
    )


def unanswered(error: Exception, *, sent: bool) -> ProviderFaultError:
    """No answer came, or not all of it.

    Args:
        error: What the SDK or the service's own deadline raised.
        sent: Whether the whole request may have reached the provider, which then may charge for it.
    """
    fault = classify(Signals(http_status=None, sent=sent))
    origin = _origin(error)
    cause = "it took too long" if isinstance(origin, TimeoutError) else str(origin) or type(origin).__name__
    what = "the answer was lost after the request was sent" if sent else "the provider cannot be reached"
    return ProviderFaultError(fault, f"{what}: {cause}"[:_LONGEST_MESSAGE])


def fault_of(error: Mapping[str, Any], *, http_status: int, headers: Mapping[str, str]) -> ProviderFaultError:
    """The fault that an error object of the API means; an empty one leaves it to the status."""
    code, kind = _text(error.get("code")), _text(error.get("type"))
    message = _text(error.get("message")) or f"the provider answered HTTP {http_status}"
    moderation = explained(error)
    fault = classify(
        Signals(http_status=http_status, codes=(code, kind), message=message, moderation=moderation),
    )
    if fault is Fault.MODERATED:
        moderation = moderation or Moderation()
    if fault in _OPERATORS_BUSINESS:
        _log.error("provider refuses the account", fault=fault.value, code=code, text=message[:_LONGEST_MESSAGE])
    return ProviderFaultError(
        fault,
        _OPERATORS_BUSINESS.get(fault, message)[:_LONGEST_MESSAGE],
        code=code or kind,
        http_status=http_status,
        retry_after_seconds=_retry_after_seconds(headers),
        request_id=headers.get("x-request-id"),
        moderation=moderation,
    )


def _origin(error: BaseException) -> BaseException:
    """What lies behind an error: the SDK calls everything that befalls a connection a timeout."""
    while error.__cause__ is not None and not isinstance(error, TimeoutError):
        error = error.__cause__
    return error


def _retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    milliseconds = headers.get("retry-after-ms", "")
    if milliseconds.isascii() and milliseconds.isdigit():
        return min(float(milliseconds) / 1000, LONGEST_SECONDS)
    return parse_retry_after(headers.get("retry-after"), now=datetime.now(UTC))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
