"""Whose turn it is to call a provider, where not all may at a time, nor as often as they like.

The limit is halved when a provider says "too much" and raised step by step while it does not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from service.domain.faults import SLOWING, Fault, ProviderFaultError
from service.ports.clock import Clock
from service.ports.limits import Limits, Rate
from service.ports.provider import Caller, CallLaterError
from service.providers.lines import Kind, Line, Waiter
from service.providers.tenants import Tenants

_SHARE = 8  # one slot in so many is not for bulk; one turn in so many is, whoever else waits


class Limiter:
    """Slots. Single calls go first; those in bulk, as the items of batches are, take what is left and never starve.

    However low the limit is, a single call so waits for the first call that ends and not for a batch. Whoever waits
    because of the rate or of a tenant's own limit keeps no slot, and lets those pass who need not.

    Args:
        name: The limit's.
        most: What it is at first, and the highest that it returns to.
        most_per_tenant: How many calls of one tenant may be out; None: as many as of all.
        per_minute: How many calls may start in any minute; None: any number.
        limits: Where it is kept.
    """

    def __init__(
        self,
        name: str,
        *,
        most: int,
        limits: Limits,
        clock: Clock,
        most_per_tenant: int | None = None,
        per_minute: int | None = None,
    ) -> None:
        self._clock = clock
        self._single, self._bulk = Line(), Line()
        self._overtaken = 0  # turns in a row that single calls had while one in bulk could have gone
        self._limit = limits.limit(name, most=most, moved=self._fill)
        self._tenants = Tenants(name, most=most_per_tenant, limits=limits, moved=self._fill)
        self._per_minute = per_minute
        self._rate: Rate | None = None
        if per_minute is not None:
            self._rate = limits.rate(f"starts of {name}", per_minute=per_minute, moved=self._fill)

    @asynccontextmanager
    async def slot(self, caller: Caller) -> AsyncIterator[None]:
        """Wait for a slot, hold it for one call, and learn from how the call ends.

        Raises:
            ProviderFaultError: its turn has not come by the caller's deadline, or would not.
            CallLaterError: others of the tenant wait already.
        """
        line = self._bulk if caller.bulk else self._single
        kind = Kind(caller.tenant if self._tenants.most is not None else None, caller.collects)
        await self._enter(line, kind, caller)
        entered_at = time.monotonic()
        try:
            yield
        except ProviderFaultError as fault:
            if fault.called and fault.fault in SLOWING:
                self._limit.lower()
            raise
        else:
            self._limit.succeed()
            self._tenants.lasted(time.monotonic() - entered_at)
        finally:
            self._leave(line, kind)

    async def look(self) -> None:
        """Hear of the limits of all processes.

        Raises:
            LedgerUnavailableError: nobody can tell.
        """
        await self._limit.look()

    def state(self) -> Mapping[str, Any]:
        """The limits of all processes, as heard of last; the calls that are out from this one, and who waits here."""
        rate = {} if self._per_minute is None else {"calls_per_minute": self._per_minute}
        return {
            "concurrency_limit": self._limit.whole,
            **rate,
            "in_flight": self._out,
            "waiting": len(self._single) + len(self._bulk),
        }

    @property
    def _out(self) -> int:
        return self._single.in_flight + self._bulk.in_flight

    async def _enter(self, line: Line, kind: Kind, caller: Caller) -> None:
        if not caller.bulk and not caller.collects:
            self._book(kind, caller)
        left = None if caller.deadline_at is None else (caller.deadline_at - self._clock.now()).total_seconds()
        try:
            async with asyncio.timeout(left):
                await self._wait(line, kind)
        except TimeoutError:
            raise self._too_late(kind) from None

    def _book(self, kind: Kind, caller: Caller) -> None:
        """Send a call away for a while where others of its tenant wait in its place."""
        seconds = self._tenants.book(kind.tenant, waiting=self._single.lengths().get(kind, 0))
        if seconds is not None:
            due_at = self._clock.now() + timedelta(seconds=seconds)
            if caller.deadline_at is not None and due_at >= caller.deadline_at:
                raise self._too_late(kind)
            raise CallLaterError(due_at)

    async def _wait(self, line: Line, kind: Kind) -> None:
        waiter = line.join(kind)
        self._tenants.moved(kind.tenant, waiting=1)
        self._fill()
        try:
            await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.cancelled():
                line.quit(waiter)
                self._tenants.moved(kind.tenant, waiting=-1)
                self._fill()
            else:
                self._leave(line, kind)  # the slot came at the same moment
            raise

    def _leave(self, line: Line, kind: Kind) -> None:
        line.in_flight -= 1
        self._tenants.moved(kind.tenant, out=-1)
        self._fill()

    def _fill(self) -> None:
        while (going := self._next()) is not None:
            line, waiter = going
            if self._rate is not None and not waiter.kind.collects:
                self._rate.begin()
            line.go(waiter)
            self._tenants.moved(waiter.kind.tenant, waiting=-1, out=1)
        single, bulk = self._able(self._single), self._able(self._bulk)
        self._limit.note(out=self._out, wanted=self._wanted(sum(single.values()), sum(bulk.values())))
        if self._rate is not None:
            self._rate.note(wanted=self._in_want_of_turns(_starts(single), _starts(bulk)))

    def _able(self, line: Line) -> Mapping[Kind, int]:
        """How many of those that wait could go if there were slots and turns for them."""
        return {kind: min(count, self._tenants.room(kind.tenant)) for kind, count in line.lengths().items()}

    def _wanted(self, single: int, bulk: int) -> int:
        """The limit with which none of so many would wait, that which is not for bulk included."""
        bulk += self._bulk.in_flight
        not_for_bulk = -(-bulk // (_SHARE - 1)) if bulk > 1 else 0
        return self._single.in_flight + single + bulk + not_for_bulk

    def _in_want_of_turns(self, single: int, bulk: int) -> int:
        """How many of so many have a slot to go to: turns do not keep."""
        allowed = self._limit.allowed
        bulk = max(0, min(bulk, self._for_bulk(allowed) - self._bulk.in_flight))
        return max(0, min(single + bulk, allowed - self._out))

    def _next(self) -> tuple[Line, Waiter] | None:
        """Whose turn it is; None when nobody waits who may go."""
        limit = self._limit.allowed
        if self._out >= limit:
            return None
        in_bulk = self._bulk.first(self._may_go) if self._bulk.in_flight < self._for_bulk(limit) else None
        single = self._single.first(self._may_go)
        if single is not None and not (in_bulk is not None and self._overtaken >= _SHARE - 1):
            self._overtaken = self._overtaken + 1 if in_bulk is not None else 0
            return self._single, single
        if in_bulk is not None:
            self._overtaken = 0
            return self._bulk, in_bulk
        return None

    def _may_go(self, kind: Kind) -> bool:
        in_turn = kind.collects or self._rate is None or self._rate.ready
        return in_turn and self._tenants.room(kind.tenant) > 0

    def _for_bulk(self, limit: int) -> int:
        """What bulk may have; all of a small part of a larger limit, or many workers would leave half of it unused."""
        if limit < min(_SHARE, self._limit.whole):
            return limit
        return max(1, limit * (_SHARE - 1) // _SHARE)

    def _too_late(self, kind: Kind) -> ProviderFaultError:
        if not self._tenants.room(kind.tenant):
            why = f"no more than {self._tenants.most} of the tenant's calls may be out"
        elif self._rate is not None and not self._rate.ready:
            why = f"no more than {self._per_minute} calls may start in a minute"
        else:
            why = f"no more than {self._limit.whole} calls may be out"
        return ProviderFaultError(
            Fault.RATE_LIMITED, f"the turn to call does not come before the job's deadline: {why}", called=False
        )


def _starts(able: Mapping[Kind, int]) -> int:
    return sum(count for kind, count in able.items() if not kind.collects)
