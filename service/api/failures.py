"""Turns every exception that leaves a route into a problem document."""

from __future__ import annotations

import math
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from service.api.options import ApiOptions
from service.api.problems import ProtocolCode, pointer, problem
from service.domain.pictures import PictureRefusedError
from service.domain.refusals import FieldError, RefusalCode, RefusedError
from service.ports.fetching import ForbiddenURLError
from service.ports.ledger import LedgerUnavailableError
from service.ports.storage import StorageError

_DATABASE_AWAY_SECONDS = 5
_STORAGE_AWAY_SECONDS = 5
_MAX_ERRORS = 20  # nobody reads more, and a hostile body must not be answered with a larger one
_MOST_LISTED = 1_000


def add_handlers(app: FastAPI) -> None:
    """Register the handlers. What has none is answered by `service.api.envelope`."""
    for kind in (RefusedError, PictureRefusedError, ForbiddenURLError, LedgerUnavailableError, StorageError):
        app.add_exception_handler(kind, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(404, _no_route)
    app.add_exception_handler(405, _no_method)


def field_errors(error: ValidationError, *, prefix: str = "") -> tuple[FieldError, ...]:
    """What pydantic found in a body, at most twenty of it; of a body that is all mistakes, only how many they are.

    It lists all or nothing, and holds the interpreter's lock for as long as that takes.

    Args:
        error: What validation raised.
        prefix: JSON pointer of the part of the body that was validated.
    """
    if error.error_count() > _MOST_LISTED:
        return (FieldError(prefix, f"{error.error_count()} mistakes", "too_many_mistakes"),)
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return tuple(FieldError(prefix + pointer(one["loc"]), one["msg"], one["type"]) for one in found[:_MAX_ERRORS])


def invalid_request(errors: tuple[FieldError, ...]) -> RefusedError:
    """The refusal of a request with wrong fields."""
    named = ", ".join(dict.fromkeys(error.pointer or "the body" for error in errors))
    return RefusedError(RefusalCode.INVALID_REQUEST, f"the request is not valid: see {named}", errors=errors)


def retry_after(seconds: float) -> dict[str, str]:
    """A Retry-After header (RFC 9110 section 10.2.3), at least one second."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def refusal(error: Exception) -> RefusedError | None:
    """What an exception of a use case says to the caller; None for one that nobody foresaw."""
    match error:
        case RefusedError():
            return error
        case PictureRefusedError():
            return RefusedError(error.fault, error.message)
        case ForbiddenURLError():
            return RefusedError(RefusalCode.INVALID_CALLBACK_URL, str(error))
        case LedgerUnavailableError():
            detail, seconds = "the database cannot be reached now", _DATABASE_AWAY_SECONDS
            return RefusedError(RefusalCode.UNAVAILABLE, detail, retryable=True, retry_after_seconds=seconds)
        case StorageError():
            detail, seconds = "the storage cannot be used now", _STORAGE_AWAY_SECONDS
            code = ProtocolCode.STORAGE_UNAVAILABLE
            return RefusedError(code, detail, retryable=error.transient, retry_after_seconds=seconds)
        case _:
            return None


async def _refused(request: Request, raised: Exception) -> JSONResponse:
    error = refusal(raised)
    assert error is not None  # noqa: S101 - registered for what is one
    headers: dict[str, str] = {}
    if error.retry_after_seconds is not None:
        headers |= retry_after(error.retry_after_seconds)
    if error.code == RefusalCode.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = 'Bearer realm="afterimage"'
    if error.code == RefusalCode.QUEUE_FULL:
        headers |= _rate_limit(request.app.state.options, error.retry_after_seconds)
    return problem(
        request, error.code, error.detail, errors=error.errors, retryable=error.retryable, headers=headers or None
    )


def _rate_limit(options: ApiOptions, reset_seconds: float | None) -> Mapping[str, str]:
    """The headers of the IETF draft httpapi-ratelimit-headers."""
    reset = "" if reset_seconds is None else f";t={math.ceil(reset_seconds)}"
    return {
        "RateLimit-Policy": f'"unfinished-jobs";q={options.max_unfinished_jobs};qu="concurrent-requests"',
        "RateLimit": f'"unfinished-jobs";r=0{reset}',
    }


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """What FastAPI itself validates: headers, query and path."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    errors = tuple(
        FieldError(f"{one['loc'][0]}:{'.'.join(map(str, one['loc'][1:]))}", one["msg"], one["type"])
        for one in error.errors()[:_MAX_ERRORS]
    )
    return await _refused(request, invalid_request(errors))


async def _no_route(request: Request, _error: Exception) -> JSONResponse:
    return problem(request, RefusalCode.NOT_FOUND, "there is nothing at this path")


async def _no_method(request: Request, error: Exception) -> Response:
    headers = getattr(error, "headers", None)
    detail = f"{request.method} is not possible here"
    return problem(request, ProtocolCode.METHOD_NOT_ALLOWED, detail, headers=headers)
