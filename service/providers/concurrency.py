"""How many calls may be out at a time: halved when a provider says "too much", raised step by step while it does not.

Additive increase, multiplicative decrease (Chiu and Jain, 1989), as TCP does it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from service.domain.faults import Fault, ProviderFaultError
from service.ports.clock import Clock

SLOWING = frozenset({Fault.RATE_LIMITED, Fault.OVERLOADED})
"""The faults that say that there are too many calls."""

_ROUNDS_TO_THE_MOST = 20  # rounds of successes that raise the limit from nothing to the most


class Limiter:
    """Slots, first come first served.

    Args:
        most: The limit at first, and the highest that it returns to.
        window_seconds: After a decrease, further complaints within this time count as the same one: they come from
            calls that were out already.
    """

    def __init__(self, *, most: int, clock: Clock, window_seconds: float = 5.0) -> None:
        self._most = most
        self._limit = float(most)
        self._clock = clock
        self._window = timedelta(seconds=window_seconds)
        self._lowered_at: datetime | None = None
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a slot, hold it for one call, and learn from how the call ends."""
        await self._acquire()
        try:
            yield
        except ProviderFaultError as fault:
            if fault.called and fault.fault in SLOWING:
                self._lower()
            raise
        else:
            self._raise()
        finally:
            self._release()

    def state(self) -> Mapping[str, Any]:
        """The limit now, the calls that are out, and who waits."""
        return {
            "concurrency_limit": int(self._limit),
            "in_flight": self._in_flight,
            "waiting": sum(not turn.done() for turn in self._waiting),
        }

    def _lower(self) -> None:
        now = self._clock.now()
        if self._lowered_at is None or now - self._lowered_at >= self._window:
            self._lowered_at = now
            self._limit = max(1.0, self._limit / 2)

    def _raise(self) -> None:
        step = max(1.0, self._most / _ROUNDS_TO_THE_MOST)
        self._limit = min(float(self._most), self._limit + step / self._limit)

    async def _acquire(self) -> None:
        if not self._waiting and self._in_flight < int(self._limit):
            self._in_flight += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # whoever released a slot may have passed it over already
                    self._waiting.remove(turn)
            else:
                self._release()  # the slot came at the same moment
            raise

    def _release(self) -> None:
        self._in_flight -= 1
        while self._waiting and self._in_flight < int(self._limit):
            turn = self._waiting.popleft()
            if not turn.done():
                self._in_flight += 1
                turn.set_result(None)
