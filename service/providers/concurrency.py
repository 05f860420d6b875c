"""How many calls may be out at a time, and whose turn it is.

The limit is halved when a provider says "too much" and raised step by step while it does not: additive increase,
multiplicative decrease (Chiu and Jain, 1989), as TCP does it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from service.domain.faults import Fault, ProviderFaultError
from service.ports.clock import Clock

SLOWING = frozenset({Fault.RATE_LIMITED, Fault.OVERLOADED})
"""The faults that say that there are too many calls."""

_ROUNDS_TO_THE_MOST = 20  # rounds of successes that raise the limit from nothing to the most
_SHARE = 8  # one slot in so many is not for bulk; one turn in so many is, whoever else waits


@dataclass(slots=True, eq=False)
class _Line:
    """Calls of one kind: those that wait, first come first served, and how many are out."""

    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    in_flight: int = 0

    def waits(self) -> bool:
        while self.waiting and self.waiting[0].done():  # given up, and not gone yet
            self.waiting.popleft()
        return bool(self.waiting)


class Limiter:
    """Slots. Single calls go first; those in bulk, as the items of batches are, take what is left and never starve.

    However low the limit is, a single call so waits for the first call that ends and not for a batch.

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
        self._single, self._bulk = _Line(), _Line()
        self._overtaken = 0  # turns in a row that single calls had while one in bulk could have gone

    @asynccontextmanager
    async def slot(self, *, bulk: bool = False) -> AsyncIterator[None]:
        """Wait for a slot, hold it for one call, and learn from how the call ends."""
        line = self._bulk if bulk else self._single
        await self._enter(line)
        try:
            yield
        except ProviderFaultError as fault:
            if fault.called and fault.fault in SLOWING:
                self._lower()
            raise
        else:
            self._raise()
        finally:
            self._leave(line)

    def state(self) -> Mapping[str, Any]:
        """The limit now, the calls that are out, and who waits."""
        return {
            "concurrency_limit": int(self._limit),
            "in_flight": self._single.in_flight + self._bulk.in_flight,
            "waiting": sum(not turn.done() for line in (self._single, self._bulk) for turn in line.waiting),
        }

    def _lower(self) -> None:
        now = self._clock.now()
        if self._lowered_at is None or now - self._lowered_at >= self._window:
            self._lowered_at = now
            self._limit = max(1.0, self._limit / 2)

    def _raise(self) -> None:
        step = max(1.0, self._most / _ROUNDS_TO_THE_MOST)
        self._limit = min(float(self._most), self._limit + step / self._limit)

    async def _enter(self, line: _Line) -> None:
        turn = asyncio.get_running_loop().create_future()
        line.waiting.append(turn)
        self._fill()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # it may have been passed over already
                    line.waiting.remove(turn)
            else:
                self._leave(line)  # the slot came at the same moment
            raise

    def _leave(self, line: _Line) -> None:
        line.in_flight -= 1
        self._fill()

    def _fill(self) -> None:
        while (line := self._next()) is not None:
            line.in_flight += 1
            line.waiting.popleft().set_result(None)

    def _next(self) -> _Line | None:
        """Whose turn it is; None when nobody waits who may go."""
        limit = int(self._limit)
        if self._single.in_flight + self._bulk.in_flight >= limit:
            return None
        bulk_may_go = self._bulk.in_flight < max(1, limit * (_SHARE - 1) // _SHARE) and self._bulk.waits()
        if self._single.waits() and not (bulk_may_go and self._overtaken >= _SHARE - 1):
            self._overtaken = self._overtaken + 1 if bulk_may_go else 0
            return self._single
        if bulk_may_go:
            self._overtaken = 0
            return self._bulk
        return None
