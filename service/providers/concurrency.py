"""Whose turn it is to call a provider, where not all may at a time.

The limit is halved when a provider says "too much" and raised step by step while it does not.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from service.domain.faults import Fault, ProviderFaultError
from service.ports.limits import Limits

SLOWING = frozenset({Fault.RATE_LIMITED, Fault.OVERLOADED})
"""The faults that say that there are too many calls."""

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
        name: The limit's.
        most: What it is at first, and the highest that it returns to.
        limits: Where it is kept.
    """

    def __init__(self, name: str, *, most: int, limits: Limits) -> None:
        self._single, self._bulk = _Line(), _Line()
        self._overtaken = 0  # turns in a row that single calls had while one in bulk could have gone
        self._limit = limits.limit(name, most=most, moved=self._fill)

    @asynccontextmanager
    async def slot(self, *, bulk: bool = False) -> AsyncIterator[None]:
        """Wait for a slot, hold it for one call, and learn from how the call ends."""
        line = self._bulk if bulk else self._single
        await self._enter(line)
        try:
            yield
        except ProviderFaultError as fault:
            if fault.called and fault.fault in SLOWING:
                self._limit.lower()
            raise
        else:
            self._limit.succeed()
        finally:
            self._leave(line)

    def state(self) -> Mapping[str, Any]:
        """The limit of all processes now; the calls that are out from this one, and who waits here."""
        return {
            "concurrency_limit": self._limit.whole,
            "in_flight": self._out,
            "waiting": sum(not turn.done() for line in (self._single, self._bulk) for turn in line.waiting),
        }

    @property
    def _out(self) -> int:
        return self._single.in_flight + self._bulk.in_flight

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
                self._fill()
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
        self._limit.note(out=self._out, wanted=self._wanted())

    def _wanted(self) -> int:
        """The limit with which nobody would wait, that which is not for bulk included."""
        bulk = self._bulk.in_flight + len(self._bulk.waiting)
        not_for_bulk = -(-bulk // (_SHARE - 1)) if bulk > 1 else 0
        return self._single.in_flight + len(self._single.waiting) + bulk + not_for_bulk

    def _next(self) -> _Line | None:
        """Whose turn it is; None when nobody waits who may go."""
        limit = self._limit.allowed
        if self._out >= limit:
            return None
        bulk_may_go = self._bulk.in_flight < self._for_bulk(limit) and self._bulk.waits()
        if self._single.waits() and not (bulk_may_go and self._overtaken >= _SHARE - 1):
            self._overtaken = self._overtaken + 1 if bulk_may_go else 0
            return self._single
        if bulk_may_go:
            self._overtaken = 0
            return self._bulk
        return None

    def _for_bulk(self, limit: int) -> int:
        """What bulk may have; all of a small part of a larger limit, or many workers would leave half of it unused."""
        if limit < min(_SHARE, self._limit.whole):
            return limit
        return max(1, limit * (_SHARE - 1) // _SHARE)
