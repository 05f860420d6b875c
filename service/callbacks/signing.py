"""Signatures of Standard Webhooks 1.0.0: symmetric, ``v1``.

The signed bytes are ``{webhook-id}.{webhook-timestamp}.{body}``, the secret is ``whsec_`` and the base64 of 24 to 64
random bytes (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of secrets, none itself
TOLERANCE_SECONDS = 300.0
_SECRET_BYTES = 32
_SHORTEST_SECRET_BYTES, _LONGEST_SECRET_BYTES = 24, 64


class SignatureError(Exception):
    """A message is not from who holds the secret, or not from now."""


def new_secret() -> str:
    """A new random secret."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode("ascii")


def secret_key(secret: str) -> bytes:
    """The bytes of a secret.

    Raises:
        ValueError: it is not ``whsec_`` with the base64 of 24 to 64 bytes. The text never repeats the secret.
    """
    encoded = secret.removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if encoded == secret or not _SHORTEST_SECRET_BYTES <= len(key) <= _LONGEST_SECRET_BYTES:
        raise ValueError("a signing secret must be whsec_ and the base64 of 24 to 64 bytes")
    return key


def signature(message_id: str, timestamp: int, body: bytes, signing_secrets: Iterable[str]) -> str:
    """The value of ``webhook-signature``: one ``v1`` signature for each secret, so that keys can rotate.

    Args:
        timestamp: Unix seconds of this attempt.

    Raises:
        ValueError: a secret is malformed.
    """
    return " ".join(f"v1,{_digest(message_id, timestamp, body, secret)}" for secret in signing_secrets)


def verify(body: bytes, headers: Mapping[str, str], signing_secrets: Iterable[str], *, now: float) -> None:
    """Check a received message.

    Args:
        headers: With lower-case names.
        signing_secrets: Any of them may have signed.
        now: Unix seconds.

    Raises:
        SignatureError: a header is missing, the timestamp is more than five minutes off, or nothing matches.
        ValueError: a secret is malformed.
    """
    try:
        message_id = headers["webhook-id"]
        timestamp = int(headers["webhook-timestamp"])
        given = headers["webhook-signature"].split(" ")
    except (KeyError, ValueError):
        raise SignatureError("a webhook header is missing or malformed") from None
    if abs(now - timestamp) > TOLERANCE_SECONDS:
        raise SignatureError("the timestamp is too far from now")
    for secret in signing_secrets:
        expected = f"v1,{_digest(message_id, timestamp, body, secret)}".encode()
        if any(hmac.compare_digest(expected, one.encode()) for one in given):
            return
    raise SignatureError("no signature matches")


def _digest(message_id: str, timestamp: int, body: bytes, secret: str) -> str:
    code = hmac.new(secret_key(secret), f"{message_id}.{timestamp}.".encode(), hashlib.sha256)
    code.update(body)  # not joined with what precedes it: a body may hold a whole picture
    return base64.b64encode(code.digest()).decode("ascii")
