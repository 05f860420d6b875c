"""Calls to a provider that tests begin and end."""

from __future__ import annotations

import asyncio
from typing import Any

from service.ports.provider import Caller
from service.providers.concurrency import Limiter


class Calls:
    """Calls that take their turn and stay until they are let go."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self.order: list[int] = []
        self._may_end: dict[int, asyncio.Event] = {}

    def begin(self, name: int, *, tenant: str = "t", **how: Any) -> asyncio.Task[None]:
        """Begin to wait; `how` is more of a `Caller`."""
        self._may_end[name] = asyncio.Event()
        return asyncio.create_task(self._call(name, Caller(tenant=tenant, **how)))

    def end(self, name: int) -> None:
        """Let one end, now or when its turn has come."""
        self._may_end[name].set()

    async def _call(self, name: int, caller: Caller) -> None:
        async with self._limiter.slot(caller):
            self.order.append(name)
            await self._may_end[name].wait()


async def settle() -> None:
    """Let everybody run who can."""
    for _ in range(10):
        await asyncio.sleep(0)
