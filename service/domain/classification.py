"""Which class of failure a provider's answer means: a pure function over what is known of one attempt.

The spellings are those of the vendors' API references. They are matched on codes and types first, then on the HTTP
status, and on words of the message only where both leave it open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.domain.faults import Fault, Moderation


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What is known of one attempt that gave no picture.

    Attributes:
        http_status: None when no answer came, or not all of it.
        sent: Whether the whole request may have reached the provider; only asked without an answer.
        codes: The provider's own words for it, however it calls the field: code, type, name, status.
        message: The provider's text.
        finish_reason: Why a model stopped, or why a prompt was blocked (Gemini, Stability).
        quota_id: The quota that was exceeded (Gemini).
        quota_limit: What that quota allows.
        moderation: The provider's explanation of a refusal.
    """

    http_status: int | None
    sent: bool = True
    codes: tuple[str | None, ...] = ()
    message: str = ""
    finish_reason: str | None = None
    quota_id: str | None = None
    quota_limit: int | None = None
    moderation: Moderation | None = None


def _words(fault: Fault, words: str) -> dict[str, Fault]:
    return dict.fromkeys(words.split(), fault)


_BY_CODE: Mapping[str, Fault] = (
    # OpenAI and Azure OpenAI; Stability (`name`); BFL (`status`); fal (`type`)
    _words(
        Fault.MODERATED,
        "moderation_blocked content_policy_violation content_filter image_content_policy_violation"
        " responsibleaipolicyviolation content_moderation content_filtered request_moderated content_moderated",
    )
    | _words(
        Fault.BILLING_EXHAUSTED,
        "billing_hard_limit_reached billing_limit_user_error insufficient_quota credit_balance_exhausted"
        " organization_spend_limit_exceeded project_spend_limit_exceeded organization_usage_limit_exceeded"
        " payment_required insufficient_credits",
    )
    | _words(Fault.RATE_LIMITED, "rate_limit_exceeded slow_down rate_limit_error resource_exhausted throttled")
    | _words(
        Fault.OVERLOADED,
        "server_is_overloaded service_unavailable_error image_generation_server_error image_generation_failed"
        " server_error unavailable runner_scheduling_failure runner_connection_timeout startup_timeout",
    )
    | _words(
        Fault.MODEL_UNAVAILABLE,
        "model_not_found deploymentnotfound deployment_not_found invalid_model model_deprecated model_retired",
    )
    | _words(Fault.AUTH, "invalid_api_key api_key_invalid unauthenticated permission_denied insufficient_permissions")
    | _words(
        Fault.INVALID_INPUT,
        "unsupported_file_mimetype missing_file_mimetype invalid_image_file invalid_image_format image_too_large"
        " image_too_small image_parse_error unsupported_image_media_type empty_image_file invalid_image_mode"
        " image_file_too_large invalid_base64_image payload_too_large",
    )
    | _words(Fault.EMPTY_RESULT, "no_image")
)

_REFUSALS = frozenset(
    # Gemini, and the last one Stability; OTHER is counted in, because a refusal must never be routed around
    {
        *("safety", "prohibited_content", "recitation", "spii", "blocklist", "other"),
        *("image_safety", "image_prohibited_content", "image_recitation", "image_other"),
        "content_filtered",
    }
)

_BY_STATUS: Mapping[int, Fault] = {
    401: Fault.AUTH,
    402: Fault.BILLING_EXHAUSTED,
    403: Fault.AUTH,
    404: Fault.MODEL_UNAVAILABLE,
    408: Fault.OVERLOADED,
    409: Fault.OVERLOADED,
    410: Fault.MODEL_UNAVAILABLE,
    429: Fault.RATE_LIMITED,
}

_BY_TEXT: Mapping[int, tuple[tuple[re.Pattern[str], Fault], ...]] = {
    # A message may quote the caller's prompt, so text never opens a circuit on statuses that answer a caller's mistake.
    400: (
        (re.compile(r"safety[ _](system|violations)|content (policy|filter)|moderat", re.IGNORECASE), Fault.MODERATED),
    ),
    403: (
        (re.compile(r"moderat|content policy", re.IGNORECASE), Fault.MODERATED),
        (re.compile(r"(exhausted|insufficient|low).{0,20}(balance|credit)", re.IGNORECASE), Fault.BILLING_EXHAUSTED),
    ),
    429: (
        (
            re.compile(r"exceeded your current quota|(balance|credit).{0,20}(exhausted|too low)", re.IGNORECASE),
            Fault.BILLING_EXHAUSTED,
        ),
    ),
}


def classify(signals: Signals) -> Fault:
    """The class of failure that decides what happens next."""
    if signals.http_status is None:
        return Fault.AMBIGUOUS if signals.sent else Fault.UNREACHABLE
    if _plain(signals.finish_reason) in _REFUSALS or signals.moderation is not None:
        return Fault.MODERATED
    if "perday" in (signals.quota_id or "").lower() or signals.quota_limit == 0:
        return Fault.QUOTA_DAILY
    named = [_BY_CODE[word] for word in map(_plain, signals.codes) if word in _BY_CODE]
    if named:
        return next((fault for fault in (Fault.MODERATED, Fault.BILLING_EXHAUSTED) if fault in named), named[0])
    for pattern, fault in _BY_TEXT.get(signals.http_status, ()):
        if pattern.search(signals.message):
            return fault
    return _by_status(signals.http_status)


def _by_status(status: int) -> Fault:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    match status // 100:
        case 2:
            return Fault.EMPTY_RESULT
        case 4:
            return Fault.INVALID_INPUT
        case 5:
            return Fault.OVERLOADED
        case _:
            return Fault.UNREACHABLE  # a redirect: whoever answers there, it is not the provider


def explained(error: Mapping[str, Any]) -> Moderation | None:
    """What OpenAI says about a refusal in its error object; None where it says nothing of the kind.

    Newer answers carry ``moderation_details``, older ones a list within their message, Azure's content filter a verdict
    for each category.
    """
    details = error.get("moderation_details")
    if isinstance(details, Mapping):
        return Moderation(
            stage=str(details.get("moderation_stage") or "unknown"),
            categories=tuple(str(category) for category in details.get("categories") or ()),
        )
    inner = error.get("innererror") or error.get("inner_error")
    verdicts = inner.get("content_filter_result") or inner.get("content_filter_results") if inner else None
    if isinstance(verdicts, Mapping):
        return Moderation(categories=tuple(name for name, verdict in verdicts.items() if verdict.get("filtered")))
    listed = re.search(r"safety_violations=\[([^\]]*)\]", str(error.get("message")))
    if listed is None:
        return None
    return Moderation(categories=tuple(re.findall(r"[^\s,'\"]+", listed[1])))


def _plain(word: str | None) -> str:
    return (word or "").strip().lower().replace(" ", "_")
