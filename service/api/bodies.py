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
_HELD_PART = 4  # of the memory for all bodies, those that are held may take as much again as this part


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
        total_bytes, wait_seconds = options.uploads_total_bytes, options.upload_wait_seconds
        self._budget = UploadBudget(total_bytes=total_bytes, wait_seconds=wait_seconds)
        self._held = UploadBudget(total_bytes=total_bytes // _HELD_PART, wait_seconds=wait_seconds)

    @asynccontextmanager
    async def held(self, request: Request, *, max_bytes: int) -> AsyncIterator[bytes]:
        """Read a body of JSON, whatever it says, that stays in memory until the block ends, which may take a minute.

        Such bodies have an own, smaller bound on what all of them together take, so that others need not wait for them.

        Args:
            max_bytes: What is accepted, unless even less is accepted of other bodies.

        Raises:
            RefusedError: it is too large, too slow, or declared as something else, or has too many values in it.
        """
        _check_media_type(request)
        most = min(max_bytes, self._max_bytes)
        async with self._held.reserve(declared_length(request, max_bytes=most)) as keep:
            raw = await read_body(request, max_bytes=most, within_seconds=self._upload_seconds)
            await keep(len(raw))
            _check_values(raw, _MAX_COMMAS)
            yield raw

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
        _check_media_type(request)
        async with self._budget.reserve(declared_length(request, max_bytes=self._max_bytes)):
            raw = await read_body(request, max_bytes=self._max_bytes, within_seconds=self._upload_seconds)
            context = (tenant, request.scope["path"], callback_url)
            if len(raw) <= _INLINE_BYTES and len(raw) <= _shape(raw, model).inline_bytes:
                parsed = _parse(raw, model, context, idempotency_key)
            else:
                # JSON parsers hold the interpreter's lock, but for a few milliseconds per ten megabytes only;
                # base64 decoding and hashing release it.
                parsed = await run_in_threadpool(_parse, raw, model, context, idempotency_key)
            del raw  # the picture is held a second time from here on
            yield parsed


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


def _check_values(raw: bytes, most_commas: int) -> None:
    if _has_more(raw, b",", most_commas):
        # Millions of tiny values would take gigabytes and seconds to parse; no sensible request comes near. Between any
        # two stands a comma, unless one holds the other, and the parsers give up after some hundreds of those.
        raise RefusedError(ProtocolCode.INVALID_JSON, f"more than {most_commas} commas")


def _parse(
    raw: bytes,
    model: type[ModelT] | Callable[[bytes], Shape[ModelT]],
    context: tuple[str, ...],
    key: str | None,
) -> Parsed[ModelT]:
    shape = _shape(raw, model)
    _check_values(raw, shape.max_commas)
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
