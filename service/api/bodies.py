"""From a request to a validated model: media type, size, JSON, fields, and the digest for idempotency."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ValidationError

from service.api.failures import field_errors, invalid_request
from service.api.options import ApiOptions
from service.api.problems import ProtocolCode
from service.api.uploads import UploadBudget, declared_length, read_body
from service.domain.refusals import RefusedError
from service.ports.ledger import IdempotencyKey

ModelT = TypeVar("ModelT", bound=BaseModel)

_INLINE_BYTES = 2**21  # parsed within two milliseconds; handing it to a thread costs a busy service far more
_MAX_COMMAS = 10_000  # base64 has none, other text far fewer


@dataclass(frozen=True, slots=True)
class Shape(Generic[ModelT]):
    """What a body is taken for, and what parsing it takes: text and base64, or a list of many small things."""

    model: type[ModelT]
    max_commas: int = _MAX_COMMAS
    inline_bytes: int = _INLINE_BYTES


@dataclass(frozen=True, slots=True)
class Parsed(Generic[ModelT]):
    """A valid body, and its Idempotency-Key with the digest of the whole request."""

    body: ModelT
    idempotency: IdempotencyKey | None


class Bodies:
    """Reads the JSON bodies of requests."""

    def __init__(self, options: ApiOptions) -> None:
        self._max_bytes = options.max_body_bytes
        self._upload_seconds = options.upload_seconds
        self._budget = UploadBudget(total_bytes=options.uploads_total_bytes, wait_seconds=options.upload_wait_seconds)

    @asynccontextmanager
    async def raw(self, request: Request, *, max_bytes: int | None = None) -> AsyncIterator[bytes]:
        """Read a body of JSON, whatever it says; the memory counts as used until the block ends.

        Args:
            max_bytes: Where less is accepted than of other bodies.

        Raises:
            RefusedError: it is too large, too slow, or declared as something else.
        """
        _check_media_type(request)
        most = self._max_bytes if max_bytes is None else min(max_bytes, self._max_bytes)
        async with self._budget.reserve(declared_length(request, max_bytes=most)):
            yield await read_body(request, max_bytes=most, within_seconds=self._upload_seconds)

    @asynccontextmanager
    async def parsed(
        self,
        request: Request,
        model: type[ModelT] | Callable[[bytes], Shape[ModelT]],
        *,
        tenant: str = "",
        callback_url: str = "",
        idempotency_key: str | None = None,
    ) -> AsyncIterator[Parsed[ModelT]]:
        """Read, parse and validate; the memory counts as used until the block ends.

        Args:
            model: What the body must be, or what tells it by a look at the bytes where a route takes several things.

        Raises:
            RefusedError: anything is wrong with the body.
        """
        async with self.raw(request) as raw:
            context = (tenant, request.scope["path"], callback_url)
            if len(raw) <= _INLINE_BYTES and len(raw) <= _shape(raw, model).inline_bytes:
                parsed = _parse(raw, model, context, idempotency_key)
            else:
                # JSON parsers hold the interpreter's lock, but for a few milliseconds per ten megabytes only;
                # base64 decoding and hashing release it.
                parsed = await run_in_threadpool(_parse, raw, model, context, idempotency_key)
            del raw  # the picture is held a second time from here on
            yield parsed


def check_values(raw: bytes, most_commas: int = _MAX_COMMAS) -> None:
    """Refuse a body of millions of tiny values: parsing would take gigabytes and seconds.

    Between any two stands a comma, unless one holds the other, and the parsers give up after some hundreds of those.

    Raises:
        RefusedError: no sensible request comes near.
    """
    if _has_more(raw, b",", most_commas):
        raise RefusedError(ProtocolCode.INVALID_JSON, f"more than {most_commas} commas")


def fingerprint(raw: bytes, context: tuple[str, ...]) -> str:
    """The digest of a request, to know it again: what was sent, and the circumstances that count."""
    digest = hashlib.sha256()
    for part in context:
        digest.update(part.encode())
        digest.update(b"\0")  # none of them can hold one
    digest.update(raw)
    return digest.hexdigest()


def _check_media_type(request: Request) -> None:
    declared = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if declared != "application/json":
        detail = "the body must be JSON, with Content-Type: application/json"
        raise RefusedError(ProtocolCode.UNSUPPORTED_MEDIA_TYPE, detail)
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise RefusedError(ProtocolCode.UNSUPPORTED_MEDIA_TYPE, "compressed bodies are not accepted")


def _parse(
    raw: bytes,
    model: type[ModelT] | Callable[[bytes], Shape[ModelT]],
    context: tuple[str, ...],
    key: str | None,
) -> Parsed[ModelT]:
    shape = _shape(raw, model)
    check_values(raw, shape.max_commas)
    try:
        body = shape.model.model_validate_json(raw)
    except ValidationError as error:
        errors = field_errors(error)
        if errors[0].code == "json_invalid":
            raise RefusedError(ProtocolCode.INVALID_JSON, errors[0].detail) from None
        raise invalid_request(errors) from None
    return Parsed(body, None if key is None else IdempotencyKey(key, fingerprint(raw, context)))


def _shape(raw: bytes, model: type[ModelT] | Callable[[bytes], Shape[ModelT]]) -> Shape[ModelT]:
    return Shape(model) if isinstance(model, type) else model(raw)


def _has_more(raw: bytes, token: bytes, most: int) -> bool:
    """Whether a token stands there more than so often. Searching goes ten times as fast as counting all."""
    position = -1
    for _ in range(most + 1):
        position = raw.find(token, position + 1)
        if position < 0:
            return False
    return True
