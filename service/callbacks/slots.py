"""How many attempts run at the same time towards one receiver."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from service.ports.limits import Limits


class HostSlots:
    """A limit for every host of its own; a host that nobody uses takes no memory.

    Args:
        per_host: How many may be in flight to one host.
        limits: Where the limits are kept.
        stuck_seconds: How long full slots may stand still before the host counts as one that does not get on;
            healthy receivers answer sooner, however many messages they get.
    """

    def __init__(self, *, per_host: int, limits: Limits, stuck_seconds: float = 1.0) -> None:
        self._per_host = per_host
        self._limits = limits
        self._stuck_seconds = stuck_seconds
        self._hosts: dict[str, _Host] = {}

    def stuck(self, host: str) -> bool:
        """Whether all slots are taken and none has moved for a while: one more would have to wait, perhaps long."""
        slots = self._hosts.get(host)
        return slots is not None and slots.full and time.monotonic() - slots.moved_at > self._stuck_seconds

    @asynccontextmanager
    async def slot(self, host: str) -> AsyncIterator[None]:
        """Wait for a slot, first come first served, and hold it."""
        slots = self._hosts.get(host)
        if slots is None:
            slots = self._hosts[host] = _Host(host, self._per_host, self._limits)
        try:
            await slots.enter()
            try:
                yield
            finally:
                slots.leave()
        finally:
            if slots.unused and self._hosts.get(host) is slots:
                del self._hosts[host]


class _Host:
    """Attempts towards one host: those that wait, and how many are in flight."""

    def __init__(self, host: str, most: int, limits: Limits) -> None:
        self._most = most
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._in_flight = 0
        self.moved_at = time.monotonic()
        self._limit = limits.limit(f"callbacks to {host}", most=most, moved=self._fill)

    @property
    def unused(self) -> bool:
        return not self._in_flight and not self._waiting

    @property
    def full(self) -> bool:
        """Whether one more would have to wait; other processes may have taken all that there is."""
        return bool(self._waiting) or self._in_flight >= self._most

    async def enter(self) -> None:
        if not self.full:
            self.moved_at = time.monotonic()
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._fill()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # it may have been passed over already
                    self._waiting.remove(turn)
                self._fill()
            else:
                self.leave()  # the slot came at the same moment
            raise

    def leave(self) -> None:
        self._in_flight -= 1
        self.moved_at = time.monotonic()
        self._fill()

    def _fill(self) -> None:
        while self._waiting and self._in_flight < self._limit.allowed:
            turn = self._waiting.popleft()
            if not turn.done():  # who has given up may not have gone yet
                turn.set_result(None)
                self._in_flight += 1
                self.moved_at = time.monotonic()
        self._limit.note(out=self._in_flight, wanted=self._in_flight + len(self._waiting))
