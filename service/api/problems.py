"""Problem documents (RFC 9457): the one shape of every error, and the status of every code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from service.domain.pictures import PictureFault
from service.domain.refusals import FieldError, RefusalCode

MEDIA_TYPE = "application/problem+json"


class ProtocolCode(StrEnum):
    """Codes of what only HTTP can get wrong; `RefusalCode` and `PictureFault` are the others."""

    INVALID_JSON = "invalid_json"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    REQUEST_TIMEOUT = "request_timeout"
    LINK_INVALID = "link_invalid"
    LINK_EXPIRED = "link_expired"
    FOREIGN_ORIGIN = "foreign_origin"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    INTERNAL = "internal_error"


_UNPROCESSABLE = 422
STATUS: Mapping[str, int] = {
    ProtocolCode.INVALID_JSON: 400,
    RefusalCode.UNAUTHENTICATED: 401,
    ProtocolCode.LINK_INVALID: 403,
    ProtocolCode.FOREIGN_ORIGIN: 403,
    RefusalCode.NOT_FOUND: 404,
    ProtocolCode.METHOD_NOT_ALLOWED: 405,
    ProtocolCode.REQUEST_TIMEOUT: 408,
    RefusalCode.NOT_READY: 409,
    RefusalCode.ALREADY_FINISHED: 409,
    RefusalCode.IDEMPOTENCY_IN_FLIGHT: 409,
    RefusalCode.EXPIRED: 410,
    ProtocolCode.LINK_EXPIRED: 410,
    RefusalCode.TOO_LARGE: 413,
    PictureFault.TOO_MANY_BYTES: 413,
    ProtocolCode.UNSUPPORTED_MEDIA_TYPE: 415,
    RefusalCode.QUEUE_FULL: 429,
    ProtocolCode.INTERNAL: 500,
    RefusalCode.UNAVAILABLE: 503,
    ProtocolCode.STORAGE_UNAVAILABLE: 503,
}
"""Every code that does not stand here means that the request was understood and cannot be carried out: 422."""


class ProblemField(BaseModel):
    """What is wrong with one field."""

    pointer: Annotated[
        str, Field(description="JSON pointer (RFC 6901) into the body, or header:NAME, query:NAME, path:NAME.")
    ]
    detail: str
    code: str


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: Annotated[str, Field(description="URI of the kind of problem; it ends with the code.")]
    title: str
    status: int
    detail: str
    instance: Annotated[str, Field(description="Path of the request.")]
    code: Annotated[str, Field(description="Stable code of the kind of problem.")]
    retryable: Annotated[bool, Field(description="Whether the same request may succeed later.")]
    errors: Annotated[list[ProblemField], Field(description="What is wrong with which field.")]


def problem(
    request: Request,
    code: str,
    detail: str,
    *,
    errors: Iterable[FieldError] = (),
    retryable: bool = False,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The answer to a request that went wrong."""
    status = STATUS.get(code, _UNPROCESSABLE)
    content = Problem(
        type=f"urn:afterimage:problem:{code}",
        title=str(code).replace("_", " ").capitalize(),
        status=status,
        detail=detail,
        instance=quote(request.scope["path"]),
        code=code,
        retryable=retryable,
        errors=[ProblemField(pointer=error.pointer, detail=error.detail, code=error.code) for error in errors],
    )
    return JSONResponse(content.model_dump(), status, headers, MEDIA_TYPE)


_MEANINGS = {
    400: "The body is not JSON.",
    401: "No API key, or a wrong one.",
    403: "The link is not valid.",
    404: "There is no such thing, or it belongs to another tenant.",
    409: "Not possible in the present state, or the first request with this Idempotency-Key is still being accepted.",
    410: "The pictures were removed when their time was over, or the link has expired.",
    413: "The body or the picture is too large.",
    415: "The body is not declared as JSON.",
    422: "Something in the request is wrong; `errors` says what. Or its Idempotency-Key was used for another request.",
    429: "Too many unfinished jobs; see Retry-After, RateLimit-Policy and RateLimit.",
    503: "The service cannot accept this at the moment; see Retry-After.",
}
SUBMISSION_STATUSES = (400, 401, 409, 413, 415, 422, 429, 503)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` argument of a route that may answer with these problems."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _MEANINGS[status], "content": content} for status in statuses}


def pointer(location: Sequence[str | int]) -> str:
    """The JSON pointer of a place in a body as pydantic names it; a wrong key of an object is named by itself."""
    parts = location[:-1] if location and location[-1] == "[key]" else location
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)
