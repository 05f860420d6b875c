"""What is kept of a receiver's answer."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_EXCERPT_BYTES = 4096
_HIDDEN = "[redacted]"
_TELLING_CHARACTERS = 8  # a shorter path, such as /hook, is no secret, and would be found in any page
_CONTROL = re.compile(r"[^\S\n\t ]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def excerpt(body: bytes, *, target: str, secrets: Iterable[str]) -> str | None:
    """The beginning of an answer as text, at most `MAX_EXCERPT_BYTES` in UTF-8; None when it was empty.

    Receivers echo what they were sent, in error pages above all. So the URL's path and query, which may be all that
    protects the receiver, and the secrets are taken out. Control characters, which databases refuse, are replaced.
    """
    text = body.decode("utf-8", "replace")
    path, _, query = target.partition("?")
    for secret in sorted({target, path, query, *secrets}, key=len, reverse=True):
        if len(secret) >= _TELLING_CHARACTERS:
            text = text.replace(secret, _HIDDEN)
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))
    return text.encode()[:MAX_EXCERPT_BYTES].decode("utf-8", "ignore") or None
