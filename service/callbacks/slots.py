"""How many attempts run at the same time towards one receiver."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class HostSlots:
    """A limit for every host of its own; a host that nobody uses takes no memory.

    Args:
        per_host: How many may be in flight to one host.
        stuck_seconds: How long full slots may stand still before the host counts as one that does not get on;
            healthy receivers answer sooner, however many messages they get.
    """

    def __init__(self, *, per_host: int, stuck_seconds: float = 1.0) -> None:
        self._per_host = per_host
        self._stuck_seconds = stuck_seconds
        self._semaphores: dict[str, asyncio.Semaphore] = {}
        self._moved_at: dict[str, float] = {}
        self._users: Counter[str] = Counter()  # those who wait, and those in flight

    def stuck(self, host: str) -> bool:
        """Whether all slots are taken and none has moved for a while: one more would have to wait, perhaps long."""
        return self._users[host] >= self._per_host and time.monotonic() - self._moved_at[host] > self._stuck_seconds

    @asynccontextmanager
    async def slot(self, host: str) -> AsyncIterator[None]:
        """Wait for a slot, first come first served, and hold it."""
        semaphore = self._semaphores.setdefault(host, asyncio.Semaphore(self._per_host))
        self._users[host] += 1
        self._moved_at.setdefault(host, time.monotonic())
        try:
            async with semaphore:
                self._moved_at[host] = time.monotonic()
                yield
        finally:
            self._moved_at[host] = time.monotonic()
            self._users[host] -= 1
            if not self._users[host]:
                del self._users[host], self._semaphores[host], self._moved_at[host]
