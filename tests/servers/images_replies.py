"""How a server of the OpenAI Images API answers one call: the replies by name, and how a script spells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How one call is answered.

    Attributes:
        does: ``answer``; or ``cut`` (resets when it has the request), ``cut_midway`` (in the answer), ``end_midway``
            (ends the body early without a length), ``hang`` (answers once it is released), ``drip`` (a byte at a time,
            for ever).
        error: The error object of the answer; None answers with a picture.
        body: Answers this in place of a picture, as it is.
        ready_made_bytes: A picture of about this size, made once, whatever was asked: costs next to nothing.
        delay_seconds: From the whole request to the first byte of the answer.
    """

    does: str = "answer"
    status: int = 200
    error: Mapping[str, Any] | None = None
    body: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    ready_made_bytes: int | None = None
    delay_seconds: float = 0.0


def refusal(status: int, code: str | None, kind: str | None, message: str = "Refused.", **more: Any) -> Reply:
    """An error object as the API writes it; `more` are further members of it, and `headers`."""
    headers = more.pop("headers", {})
    error = {"message": message, "type": kind, "param": None, "code": code, **more}
    return Reply(status=status, error=error, headers=headers)


_SAFETY = "Your request was rejected by the safety system. safety_violations=[violence]."
REPLIES: Mapping[str, Reply] = {
    "picture": Reply(),
    "billing_hard_limit": refusal(400, "billing_hard_limit_reached", "billing_limit_user_error", "Limit reached."),
    "insufficient_quota": refusal(429, "insufficient_quota", "insufficient_quota", "Check your plan and billing."),
    "credit_exhausted": refusal(429, "credit_balance_exhausted", "insufficient_quota"),
    "payment_required": refusal(402, None, None),
    "rate_limited": refusal(429, "rate_limit_exceeded", "requests", "Rate limit.", headers={"Retry-After": "1"}),
    "slow_down": refusal(429, "slow_down", "rate_limit_error"),
    "overloaded": refusal(503, "server_is_overloaded", "service_unavailable_error"),
    "server_error": refusal(500, None, "server_error", "The server had an error."),
    "bad_gateway": Reply(status=502, body="<html>Bad gateway</html>"),
    "moderated": refusal(
        400,
        "moderation_blocked",
        "image_generation_user_error",
        _SAFETY,
        moderation_details={"moderation_stage": "input", "categories": ["violence"]},
    ),
    "moderated_output": refusal(
        400,
        "moderation_blocked",
        "image_generation_user_error",
        moderation_details={"moderation_stage": "output", "categories": ["sexual"]},
    ),
    "content_policy": refusal(400, "content_policy_violation", "invalid_request_error", _SAFETY),
    "invalid_image": refusal(400, "invalid_image_file", "image_generation_user_error", "Invalid image file."),
    "too_large": refusal(413, None, "invalid_request_error"),
    "unprocessable": refusal(422, None, "invalid_request_error"),
    "unauthorized": refusal(401, "invalid_api_key", "invalid_request_error", "Incorrect API key: sk-abc***xyz."),
    "forbidden": refusal(403, None, None, "Your organization must be verified to use the model."),
    "model_not_found": refusal(404, "model_not_found", "invalid_request_error", "The model does not exist."),
    "no_picture": Reply(body='{"created": 1, "data": []}'),
    "bad_base64": Reply(body='{"created": 1, "data": [{"b64_json": "%%%"}]}'),
    "no_json": Reply(body="<html>Welcome</html>"),
    "error_in_200": Reply(body='{"error": {"code": "image_generation_failed", "message": "Failed."}}'),
    "cut": Reply(does="cut"),
    "cut_midway": Reply(does="cut_midway"),
    "end_midway": Reply(does="end_midway"),
    "hang": Reply(does="hang"),
    "drip": Reply(does="drip"),
}
"""Replies by name, for scripts."""


def reply_of(said: str | Reply | Mapping[str, Any]) -> Reply:
    """A reply by name, as it is, or as the JSON of a script."""
    match said:
        case Reply():
            return said
        case str():
            return REPLIES[said]
        case _:
            changes = dict(said)
            return replace(REPLIES[changes.pop("like", "picture")], **changes)
