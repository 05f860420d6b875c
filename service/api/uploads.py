"""Reading request bodies: capped, with a bound on what all of them together take from memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import Request

from service.api.problems import ProtocolCode
from service.domain.refusals import RefusalCode, RefusedError


class CallerLeftError(Exception):
    """The caller closed the connection in the middle of the body; nobody waits for an answer."""


class UploadBudget:
    """How many bytes of bodies may be in memory at a time. Who does not fit waits, with the body unread."""

    def __init__(self, *, total_bytes: int, wait_seconds: float) -> None:
        self._free = self._total = total_bytes
        self._wait_seconds = wait_seconds
        self._changed = asyncio.Condition()
        self._waiting = 0

    @asynccontextmanager
    async def reserve(self, byte_count: int) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
        """Hold room for a body. One that is larger than the whole budget gets all of it.

        Yields:
            Gives back what goes beyond a number of bytes, for a body that turned out to be shorter.

        Raises:
            RefusedError: there was no room in time.
        """
        held = min(byte_count, self._total)
        if self._waiting or self._free < held:
            await self._wait_for(held)
        else:  # nearly always: without a lock, for nothing comes in between
            self._free -= held

        async def keep(needed: int) -> None:
            nonlocal held
            surplus = max(0, held - needed)
            held -= surplus
            await self._give_back(surplus)

        try:
            yield keep
        finally:
            await self._give_back(held)

    async def _give_back(self, byte_count: int) -> None:
        self._free += byte_count
        if self._waiting:
            async with self._changed:
                self._changed.notify_all()

    async def _wait_for(self, wanted: int) -> None:
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_seconds), self._changed:
                await self._changed.wait_for(lambda: self._free >= wanted)
                self._free -= wanted
        except TimeoutError:
            detail = "too many uploads are under way; try again"
            raise RefusedError(RefusalCode.UNAVAILABLE, detail, retryable=True, retry_after_seconds=1) from None
        finally:
            self._waiting -= 1


def declared_length(request: Request, *, max_bytes: int) -> int:
    """The length that the request announces; a body in chunks announces none and counts as the longest.

    Raises:
        RefusedError: it is longer than accepted; nothing was read.
    """
    declared = request.headers.get("content-length")
    if declared is None:
        return max_bytes
    length = int(declared)  # the server has checked that it is a number
    if length > max_bytes:
        raise _too_large(max_bytes)
    return length


async def read_body(request: Request, *, max_bytes: int, within_seconds: float) -> bytes:
    """The whole body. Reading stops at the byte that is too many.

    Raises:
        RefusedError: too long, or too slow: nobody holds room in memory for longer than the limit.
        CallerLeftError: the connection was closed.
    """
    try:
        async with asyncio.timeout(within_seconds):
            return b"".join([chunk async for chunk in _chunks(request, max_bytes)])
    except TimeoutError:
        detail = f"the body did not come within {within_seconds:g} seconds"
        raise RefusedError(ProtocolCode.REQUEST_TIMEOUT, detail, retryable=True) from None


async def _chunks(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    length = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise CallerLeftError
        chunk: bytes = message.get("body", b"")
        length += len(chunk)
        if length > max_bytes:
            raise _too_large(max_bytes)
        yield chunk
        more = message.get("more_body", False)


def _too_large(max_bytes: int) -> RefusedError:
    return RefusedError(RefusalCode.TOO_LARGE, f"the body is too large: at most {max_bytes} bytes are accepted")
