"""Request headers with rules of their own: Idempotency-Key and Prefer."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header

from service.api.failures import invalid_request
from service.domain.refusals import FieldError

MAX_WAIT_SECONDS = 60

_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!#-~]+")
_ESCAPED = re.compile(r"\\(.)")
_WAIT = re.compile(r'(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])', re.IGNORECASE)
_MAX_KEY_CHARACTERS = 255


def idempotency_key(value: str | None) -> str | None:
    """The key in an Idempotency-Key header: a quoted structured-field string (RFC 9651), or bare.

    Raises:
        RefusedError: it is neither, or empty, or too long.
    """
    if value is None:
        return None
    value = value.strip(" \t")
    if quoted := _QUOTED.fullmatch(value):
        key = _ESCAPED.sub(r"\1", quoted[1])
    elif _BARE.fullmatch(value):
        key = value
    else:
        key = ""
    if not 1 <= len(key) <= _MAX_KEY_CHARACTERS:
        detail = f"must be 1 to {_MAX_KEY_CHARACTERS} visible ASCII characters, bare or as a quoted string"
        raise invalid_request((FieldError("header:Idempotency-Key", detail, "invalid_idempotency_key"),))
    return key


def wait_seconds(prefer: str | None) -> int | None:
    """The wait preference of a Prefer header (RFC 7240 section 4.3), at most 60 s; None when there is none."""
    found = _WAIT.search(prefer or "")
    return min(int(found[1]), MAX_WAIT_SECONDS) if found else None


async def _key(
    value: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="The same key with the same request within 24 hours is the same job; quoted or bare.",
        ),
    ] = None,
) -> str | None:
    return idempotency_key(value)


async def _wait(
    value: Annotated[
        str | None,
        Header(alias="Prefer", description="wait=N holds the answer for up to N (at most 60) seconds (RFC 7240)."),
    ] = None,
) -> int | None:
    return wait_seconds(value)


IdempotencyKeyHeader = Annotated[str | None, Depends(_key)]
PreferWait = Annotated[int | None, Depends(_wait)]
CallbackUrlHeader = Annotated[
    str,
    Header(
        alias="callbackUrl",
        min_length=1,
        max_length=8192,
        description="Where the result is posted to, signed, when the job has ended.",
    ),
]
