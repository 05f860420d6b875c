"""Keeps secrets, capabilities and pictures out of logs, whoever wrote the line.

Call sites do not log secrets; this is the net below them for texts that others compose: exceptions, access logs,
libraries.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

REDACTED = "[redacted]"

_SECRET_NAME = re.compile(
    r"(?:^|[_-])(?:authorization|api[_-]?keys?|secrets?|secret[_-]access[_-]key|passwords?|tokens?|cookie|signature)$",
    re.IGNORECASE,
)
_LONGEST_WORD = 256  # characters; what is longer without a break is a picture, not a message
_SHOWN_OF_BLOB = 16

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # A URL is cut to where it leads: user name, path and query may each be what makes it a capability.
    (re.compile(r"\b(https?://)[^\s/?#\"'<>@]*@", re.IGNORECASE), r"\1"),
    (re.compile(r"\b(https?://[^\s/?#\"'<>]+)(?:/(?![…\s\"'<>)]|$)|[?#])[^\s\"'<>]*", re.IGNORECASE), r"\1/…"),
    (
        re.compile(
            r"([?&](?:x-amz-(?:signature|credential|security-token)|signature|sig|token|secret|(?:api_?)?key)=)[^&\s\"'<>]+",
            re.IGNORECASE,
        ),
        rf"\1{REDACTED}",
    ),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]+", re.IGNORECASE), rf"\1 {REDACTED}"),
    (re.compile(r"(x-api-key[\"']?\s*[:=,]\s*b?[\"']?)[^\s\"',}\])]+", re.IGNORECASE), rf"\1{REDACTED}"),
    (re.compile(r"\bwhsec_[\w+/=-]+"), f"whsec_{REDACTED}"),
    (re.compile(r"\bsk-[\w-]{8,}"), f"sk-{REDACTED}"),
)
_BLOB = re.compile(rf"[A-Za-z0-9+/_=-]{{{_LONGEST_WORD},}}")


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: every value of an event made fit to be kept."""
    for name, value in event.items():
        event[name] = _redacted(name, value)
    return event


def redact_text(text: str) -> str:
    """A text without what must not be in a log."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return _BLOB.sub(lambda blob: f"{blob[0][:_SHOWN_OF_BLOB]}…[{len(blob[0])} characters]", text)


def _redacted(name: str, value: Any) -> Any:
    match value:
        case None | bool() | int() | float():  # also a number of tokens
            return value
        case _ if _SECRET_NAME.search(name):
            return REDACTED
        case bytes() | bytearray() | memoryview():
            return f"[{len(value)} bytes]"
        case Mapping():
            return {key: _redacted(str(key), item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_redacted(name, item) for item in value]
        case _:
            return redact_text(str(value))
