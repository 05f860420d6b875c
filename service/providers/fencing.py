"""Requests that end where the caller's hold on its job ends: what was not sent whole cannot be charged."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import cast

from httpx2 import AsyncByteStream, Request

from service.ports.provider import Fence

_PIECE_BYTES = 64 * 1024


class Upload(AsyncByteStream):
    """The body of one request, which asks the fence before each of its pieces.

    Those of a form are many and small, and each would be a packet: they are sent with what follows them.

    Attributes:
        refusal: What the fence raised; the clients in between make another error of it.
    """

    def __init__(self, fence: Fence) -> None:
        self._fence = fence
        self._body: AsyncByteStream | None = None
        self.refusal: Exception | None = None

    def carry(self, request: Request) -> None:
        """Stand in for the body of a request."""
        self._body = cast(AsyncByteStream, request.stream)
        request.stream = self

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert self._body is not None  # noqa: S101 - it carries a request when it is read
        async for piece in _gathered(self._body):
            try:
                await self._fence()
            except Exception as refusal:
                self.refusal = refusal
                raise
            yield piece


async def _gathered(body: AsyncByteStream) -> AsyncIterator[bytes]:
    pieces: list[bytes] = []
    async for piece in body:
        pieces.append(piece)
        if sum(map(len, pieces)) >= _PIECE_BYTES:
            yield b"".join(pieces)
            pieces = []
    if pieces:
        yield b"".join(pieces)


_UPLOAD: ContextVar[Upload] = ContextVar("upload")  # of the call that a task makes


@contextmanager
def fenced(fence: Fence) -> Iterator[Upload]:
    """Hold the request that is made inside to a fence.

    Raises:
        Exception: what the fence has raised, in place of what a client has made of it.
    """
    upload = Upload(fence)
    token = _UPLOAD.set(upload)
    try:
        yield upload
    except Exception as error:
        if upload.refusal is not None:
            raise upload.refusal from error
        raise
    finally:
        _UPLOAD.reset(token)


async def fence_request(request: Request) -> None:
    """The event hook of a client whose requests with a body are to be held to the fence of their call."""
    if (upload := _UPLOAD.get(None)) is not None:
        upload.carry(request)
