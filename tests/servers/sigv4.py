"""A WSGI layer that checks AWS Signature Version 4, as real stores do and their imitations do not.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote_to_bytes

Environ = dict[str, Any]
WSGIApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_SKEW_SECONDS = 900
_WEEK_SECONDS = 604_800
_AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=(\S+?),\s*SignedHeaders=(\S+?),\s*Signature=([0-9a-f]{64})")


class S3Refusal(Exception):  # noqa: N818 - what a store answers, as S3 calls it
    """An answer with an S3 error code."""

    def __init__(self, status: str, code: str, message: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.body = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f"<Error><Code>{code}</Code><Message>{message or code}</Message></Error>"
        ).encode()

    def answer(self, start: Callable[..., Any]) -> Iterable[bytes]:
        start(self.status, [("Content-Type", "application/xml"), ("Content-Length", str(len(self.body)))])
        return [self.body]


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a request says about its own signature."""

    credential: str
    signed_headers: str
    signature: str
    stamp: str
    payload_hash: str


class SignatureCheck:
    """Lets only rightly signed requests through to the application.

    Args:
        keys: Secret access keys by access key ids.
    """

    def __init__(self, app: WSGIApp, keys: dict[str, str]) -> None:
        self._app = app
        self._keys = keys

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        try:
            payload_hash = self._checked(environ)
            _check_payload(environ, payload_hash)
        except S3Refusal as refusal:
            return refusal.answer(start)
        return self._app(environ, start)

    def _checked(self, environ: Environ) -> str:
        path, _, query = environ["REQUEST_URI"].partition("?")
        pairs = [(key, value) for key, _, value in (part.partition("=") for part in query.split("&") if part)]
        values = {key: unquote_to_bytes(value).decode() for key, value in pairs}
        presigned = "X-Amz-Signature" in values
        claim = _presigned(values) if presigned else _signed(environ)
        key_id, scope = claim.credential.split("/", 1)
        if key_id not in self._keys:
            raise S3Refusal("403 Forbidden", "InvalidAccessKeyId")
        _check_time(claim.stamp, int(values["X-Amz-Expires"]) if presigned else None)
        expected = _signature(self._keys[key_id], scope, claim, environ, path, pairs)
        if "host" not in claim.signed_headers.split(";") or not hmac.compare_digest(expected, claim.signature):
            raise S3Refusal("403 Forbidden", "SignatureDoesNotMatch")
        return claim.payload_hash


def _presigned(values: dict[str, str]) -> _Claim:
    return _Claim(
        values["X-Amz-Credential"],
        values["X-Amz-SignedHeaders"],
        values["X-Amz-Signature"],
        values["X-Amz-Date"],
        "UNSIGNED-PAYLOAD",
    )


def _signed(environ: Environ) -> _Claim:
    if not (authorization := environ.get("HTTP_AUTHORIZATION")):
        raise S3Refusal("403 Forbidden", "AccessDenied", "Anonymous access is forbidden")
    if not (match := _AUTHORIZATION.match(authorization)):
        raise S3Refusal("400 Bad Request", "AuthorizationHeaderMalformed")
    payload_hash = _header(environ, "x-amz-content-sha256")
    return _Claim(*match.groups(), environ.get("HTTP_X_AMZ_DATE", ""), payload_hash)


def _check_time(stamp: str, expires_seconds: int | None) -> None:
    try:
        signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise S3Refusal("403 Forbidden", "AccessDenied", "bad date") from None
    age_seconds = (datetime.now(UTC) - signed_at).total_seconds()
    if expires_seconds is None:
        if abs(age_seconds) > _SKEW_SECONDS:
            raise S3Refusal("403 Forbidden", "RequestTimeTooSkewed")
    elif not 1 <= expires_seconds <= _WEEK_SECONDS:
        raise S3Refusal("400 Bad Request", "AuthorizationQueryParametersError")
    elif not -_SKEW_SECONDS <= age_seconds <= expires_seconds:
        raise S3Refusal("403 Forbidden", "AccessDenied", "Request has expired")


def _signature(
    secret: str, scope: str, claim: _Claim, environ: Environ, path: str, pairs: list[tuple[str, str]]
) -> str:
    query = sorted((_encoded(key), _encoded(value)) for key, value in pairs if key != "X-Amz-Signature")
    canonical = "\n".join(
        [
            environ["REQUEST_METHOD"],
            quote(unquote_to_bytes(path), safe="/-_.~"),
            "&".join(f"{key}={value}" for key, value in query),
            *(f"{name}:{' '.join(_header(environ, name).split())}" for name in claim.signed_headers.split(";")),
            "",
            claim.signed_headers,
            claim.payload_hash,
        ]
    )
    to_sign = "\n".join(["AWS4-HMAC-SHA256", claim.stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def _check_payload(environ: Environ, payload_hash: str) -> None:
    if payload_hash.startswith("STREAMING-"):  # what compatible stores answer to the SDK's checksum trailers
        raise S3Refusal("501 Not Implemented", "NotImplemented", "aws-chunked is not implemented")
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if payload_hash != "UNSIGNED-PAYLOAD" and hashlib.sha256(body).hexdigest() != payload_hash:
        raise S3Refusal("400 Bad Request", "XAmzContentSHA256Mismatch")
    declared = _header(environ, "content-md5")
    if declared and base64.b64encode(hashlib.md5(body).digest()).decode() != declared:  # noqa: S324 - S3's own field
        raise S3Refusal("400 Bad Request", "BadDigest")
    environ["wsgi.input"] = io.BytesIO(body)


def _header(environ: Environ, name: str) -> str:
    variable = name.upper().replace("-", "_")
    return str(environ.get(f"HTTP_{variable}") or environ.get(variable) or "")


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="-_.~")
