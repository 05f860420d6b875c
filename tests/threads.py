"""Whether something is done beside the event loop: then it waits while no thread may be had."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anyio import CapacityLimiter
from anyio.to_thread import current_default_thread_limiter

_LOOK_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class HeldThreads:
    """The threads of `run_in_threadpool`, of which nobody gets one."""

    _limiter: CapacityLimiter

    async def wanted(self, by: asyncio.Task[object]) -> None:
        """Wait until a thread is waited for.

        Raises:
            AssertionError: the task has ended without any.
        """
        while not self._limiter.statistics().tasks_waiting:
            assert not by.done(), "it was all done on the event loop"
            await asyncio.sleep(_LOOK_SECONDS)

    def spare_one(self) -> None:
        """Let who has waited longest have one."""
        self._limiter.total_tokens += 1  # it is given away within this very statement
        self._limiter.total_tokens -= 1


@asynccontextmanager
async def held_threads() -> AsyncIterator[HeldThreads]:
    """Let nobody in this event loop have a thread until the end of the block."""
    limiter = current_default_thread_limiter()
    free, limiter.total_tokens = limiter.total_tokens, 0
    try:
        yield HeldThreads(limiter)
    finally:
        limiter.total_tokens = free
