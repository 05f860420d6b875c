"""The work of one kind: what runs, what is ready, and when to look into the store again."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from service.domain.work import Work, WorkKind
from service.engine.backoff import Backoff
from service.engine.flight import Flight
from service.engine.ready import Ready
from service.ports.clock import Clock
from service.ports.engine import Handler, WorkStore

_log = structlog.get_logger()
_SMALLEST_PORTION = 100
_LONGEST_SLEEP_SECONDS = 60.0  # the wall clock may be set while we sleep
_STORE_BACKOFF = Backoff(first_seconds=0.5, longest_seconds=10)
_AFTER_INTERRUPTION = timedelta(seconds=1)


class Lane:
    """Runs the work of one kind, a bounded number of pieces at a time.

    The store holds all work until it is done; memory holds what runs and a bounded number of what is ready. As long
    as everything due fits in there, work that is handed over runs without the store being read. Otherwise `_more`
    says that the store knows of due work that memory does not, and it is read again once a slot is free for that.
    """

    def __init__(
        self, kind: WorkKind, handler: Handler, *, store: WorkStore, clock: Clock, concurrency: int, backoff: Backoff
    ) -> None:
        self._kind = kind
        self._handler = handler
        self._store = store
        self._clock = clock
        self._concurrency = concurrency
        self._backoff = backoff
        self._flights: dict[str, Flight] = {}
        self._tasks: set[asyncio.Task[datetime | None]] = set()
        self._failures: dict[str, int] = {}
        self._ready = Ready(max(concurrency, _SMALLEST_PORTION))
        self._more = True
        self._reading: asyncio.Task[None] | None = None
        self._arrived: list[Work] = []  # while the store is read: what the answer may not hold yet
        self._left: set[str] = set()  # while the store is read: what the answer may still hold
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at: datetime | None = None
        self._open = True
        # Handlers must not inherit the context of the request that happened to hand the work over.
        self._context = contextvars.copy_context()

    @property
    def in_flight(self) -> int:
        """How many handlers run now."""
        return len(self._flights)

    def offer(self, work: Work) -> None:
        """Take work that the store holds: to run as soon as it is due and its turn has come."""
        if not self._open:
            return
        if (flight := self._flights.get(work.ref)) is not None:
            flight.defer(work.due_at)
        elif work.due_at > self._clock.now():
            self._wake_at(work.due_at)
        elif self._reading is None:
            self._admit(work)
            self.pump()
        elif len(self._arrived) < self._ready.capacity:
            self._arrived.append(work)
        else:
            self._more = True

    def pump(self) -> None:
        """Fill the free slots, from memory and then from the store."""
        while self._open and self._ready and len(self._flights) < self._concurrency:
            self._launch(self._ready.pop())
        if self._open and self._more and self._reading is None and len(self._flights) < self._concurrency:
            self._reading = asyncio.get_running_loop().create_task(self._read())

    async def interrupt(self, ref: str) -> None:
        """Cancel the handler that runs for a ref, if there is one, and wait until it has let go."""
        if (flight := self._flights.get(ref)) is not None:
            await flight.interrupt()

    def close(self) -> Sequence[asyncio.Task[datetime | None]]:
        """Take nothing new; returns what still runs."""
        self._open = False
        if self._alarm is not None:
            self._alarm.cancel()
        if self._reading is not None:
            self._reading.cancel()
        return list(self._tasks)

    # what is ready

    def _admit(self, work: Work) -> None:
        # With more in the store than here, only what would have been read may jump in; the rest waits for its turn.
        if (not self._more or self._ready.outranks_last(work)) and not self._ready.add(work):
            self._more = True

    async def _read(self) -> None:
        self._more = False  # whatever happens from now on may set it again
        now, limit = self._clock.now(), len(self._flights) + self._ready.capacity
        try:
            due = await self._store.due(self._kind, now, limit)
            next_due_at = await self._store.next_due_at(self._kind, now) if len(due) < limit else None
        except Exception:  # noqa: BLE001 - the store may well be back in a moment
            _log.exception("the store of work cannot be read", kind=self._kind.value)
            self._wake_at(now + _STORE_BACKOFF.wait(1))
        else:
            waiting = [work for work in due if work.ref not in self._flights and work.ref not in self._left]
            self._more |= len(due) == limit or len(waiting) > self._ready.capacity
            self._ready.replace(waiting)
            if next_due_at is not None:
                self._wake_at(next_due_at)
        for work in self._arrived:
            self._admit(work)  # nothing starts in between: what the answer held as well must not seem deferred anew
        self._arrived, self._left, self._reading = [], set(), None
        self.pump()

    def _wake_at(self, moment: datetime) -> None:
        if self._alarm_at is not None and self._alarm_at <= moment:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        wait_seconds = min(max((moment - self._clock.now()).total_seconds(), 0.0), _LONGEST_SLEEP_SECONDS)
        self._alarm = asyncio.get_running_loop().call_later(wait_seconds, self._ring)
        self._alarm_at = moment

    def _ring(self) -> None:
        self._alarm = self._alarm_at = None
        self._more = True
        self._ready.replace(())  # what has become due may be more urgent
        self.pump()

    # what runs

    def _launch(self, work: Work) -> None:
        flight = self._flights[work.ref] = Flight(work)
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._fly(flight), context=self._context.copy())
        task.add_done_callback(lambda task: self._landed(flight, task))
        self._tasks.add(task)

    def _landed(self, flight: Flight, task: asyncio.Task[datetime | None]) -> None:
        self._tasks.discard(task)
        del self._flights[flight.work.ref]
        flight.left.set()
        if self._reading is not None:
            self._left.add(flight.work.ref)
        if task.cancelled():
            return  # stopping: the store keeps it for the next start
        moments = [moment for moment in (task.result(), flight.again_at) if moment is not None]
        if moments:
            self.offer(replace(flight.work, due_at=min(moments)))
        self.pump()

    async def _fly(self, flight: Flight) -> datetime | None:
        """Run the handler and tell the store what came of it; returns when the work is due again."""
        flight.handling = asyncio.current_task()
        try:
            due_at = self._after_interruption() if flight.interrupted else await self._handle(flight)
        finally:
            flight.left.set()
        return await self._settle(flight.work, due_at)

    async def _handle(self, flight: Flight) -> datetime | None:
        try:
            again = await self._handler(flight.work)
        except asyncio.CancelledError:
            if flight.interrupted:
                return self._after_interruption()
            if not self._open:
                raise
            return self._failed(flight.work)  # something that the handler waited for was canceled, not the handler
        except Exception:  # noqa: BLE001 - whatever it is, the work must be done in the end
            return self._failed(flight.work)
        self._failures.pop(flight.work.ref, None)
        return None if again is None else again.due_at

    def _after_interruption(self) -> datetime:
        """When interrupted work runs again: not before whoever interrupted it could end what it stands for."""
        return self._clock.now() + _AFTER_INTERRUPTION

    def _failed(self, work: Work) -> datetime:
        failures = self._failures[work.ref] = self._failures.get(work.ref, 0) + 1
        wait = self._backoff.wait(failures)
        _log.error("work failed", kind=work.kind.value, ref=work.ref, failures=failures, wait=str(wait), exc_info=True)
        return self._clock.now() + wait

    async def _settle(self, work: Work, due_at: datetime | None) -> datetime | None:
        """Tell the store, as often as it takes: the slot is not free before, so nothing runs twice at once."""
        failures = 0
        while True:
            try:
                if due_at is None:
                    return await self._store.done(work)
                return await self._store.postpone(work, due_at)
            except Exception:  # noqa: BLE001 - the store may well be back in a moment
                failures += 1
                _log.exception("the store of work cannot be written", kind=work.kind.value, ref=work.ref)
            await asyncio.sleep(_STORE_BACKOFF.wait(failures).total_seconds())
