"""The work of one kind that this process takes from a queue which many processes share."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from procrastinate.jobs import Job as Entry

from service.domain.work import WorkKind
from service.engine.backoff import Backoff
from service.engine.entries import failures_of, work_of
from service.engine.flight import Flight
from service.engine.queue import Queue
from service.ports.clock import Clock
from service.ports.engine import Handler

_log = structlog.get_logger()
_LOOK_SECONDS = 1.0  # how late work may be that nobody announces: what another process put back for later
_MOST_AT_ONCE = 8  # taken with one look; the other workers get the rest of what came together
_QUEUE_BACKOFF = Backoff(first_seconds=0.5, longest_seconds=5)
_AFTER_INTERRUPTION = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of a run: done, or due again after so many failures in a row."""

    due_at: datetime | None = None
    failures: int = 0


class FleetLane:
    """Takes work of one kind and runs it, a bounded number of pieces at a time.

    It does what Procrastinate's `Worker` does, except that it keeps its heartbeats while it drains, outlives a database
    that is away, and misses no announcement that comes while it looks. (In Procrastinate 3.10 a worker that is told to
    stop first ends its heartbeats, and one without periodic tasks goes on without them after the first that failed.)
    """

    def __init__(
        self, kind: WorkKind, handler: Handler, *, queue: Queue, clock: Clock, concurrency: int, backoff: Backoff
    ) -> None:
        self._kind = kind
        self._handler = handler
        self._queue = queue
        self._clock = clock
        self._backoff = backoff
        self._free = asyncio.Semaphore(concurrency)
        self._wanted = asyncio.Event()
        self._open = True
        self._running: set[asyncio.Task[None]] = set()
        self._taking: asyncio.Task[None] | None = None
        self.flights: dict[int, Flight] = {}
        """What runs now, by the id of its entry."""

    def start(self) -> None:
        """Begin to take work."""
        self._taking = asyncio.create_task(self._take_for_ever())

    def wake(self) -> None:
        """Look into the queue now."""
        self._wanted.set()

    def wake_at(self, moment: datetime) -> None:
        """Look into the queue at a moment, unless it is so far away that it will be looked into in time anyway."""
        wait_seconds = (moment - self._clock.now()).total_seconds()
        if wait_seconds <= 0:
            self.wake()
        elif wait_seconds < _LOOK_SECONDS:
            asyncio.get_running_loop().call_later(wait_seconds, self.wake)

    def flight_of(self, ref: str) -> Flight | None:
        """What runs for a ref in this process."""
        return next((flight for flight in self.flights.values() if flight.work.ref == ref), None)

    @property
    def tasks(self) -> Collection[asyncio.Task[None]]:
        """What has to end before the lane is closed: what runs, and the look into the queue."""
        taking = [self._taking] if self._taking is not None and not self._taking.done() else []
        return [*self._running, *taking]

    def close(self) -> Collection[asyncio.Task[None]]:
        """Take nothing new; returns what runs."""
        self._open = False
        self.wake()
        self._free.release()
        return list(self._running)

    # taking

    async def _take_for_ever(self) -> None:
        failures = 0
        while True:
            slots = await self._slots()
            if not self._open:
                return
            self._wanted.clear()  # before the look: what is announced meanwhile may not be in the answer
            wait_seconds = _LOOK_SECONDS
            entries: Sequence[Entry] = ()
            try:
                entries = await self._queue.take(self._kind, most=slots)
            except Exception as error:  # noqa: BLE001 - the database may well be back in a moment
                failures += 1
                if failures == 1:
                    _log.warning("the queue cannot be read", kind=self._kind.value, error=repr(error))
                wait_seconds = _QUEUE_BACKOFF.wait(failures).total_seconds()
            else:
                failures = 0
            for entry in entries:
                self._launch(entry)
            for _ in range(slots - len(entries)):
                self._free.release()
            if not entries and self._open:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_seconds):
                        await self._wanted.wait()

    async def _slots(self) -> int:
        """Occupy free slots, at least one of them; how many."""
        await self._free.acquire()
        slots = 1
        while slots < _MOST_AT_ONCE and not self._free.locked():
            await self._free.acquire()
            slots += 1
        return slots

    def _launch(self, entry: Entry) -> None:
        assert entry.id is not None  # noqa: S101 - read from the database
        flight = self.flights[entry.id] = Flight(work_of(entry, now=self._clock.now()))
        task = asyncio.create_task(self._fly(entry, flight))
        self._running.add(task)
        task.add_done_callback(lambda task: self._landed(entry.id, task))

    def _landed(self, entry_id: int | None, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if entry_id is not None:
            del self.flights[entry_id]
        self._free.release()
        self.wake()  # the same ref may wait to run once more

    # running

    async def _fly(self, entry: Entry, flight: Flight) -> None:
        flight.handling = asyncio.current_task()
        try:
            if not self._open:
                outcome = self._for_others()
            elif flight.interrupted:
                outcome = self._interrupted()
            else:
                outcome = await self._handle(entry, flight)
        finally:
            flight.left.set()
        await self._settle(entry, outcome)

    async def _handle(self, entry: Entry, flight: Flight) -> _Outcome:
        try:
            again = await self._handler(flight.work)
        except asyncio.CancelledError:
            if flight.interrupted:
                return self._interrupted()
            if not self._open:
                return self._for_others()
            return self._failed(entry)  # something that the handler waited for was canceled, not the handler
        except Exception:  # noqa: BLE001 - whatever it is, the work must be done in the end
            return self._failed(entry)
        return _Outcome(None if again is None else again.due_at)

    def _for_others(self) -> _Outcome:
        """This process stops: another may have it at once."""
        return _Outcome(self._clock.now())

    def _interrupted(self) -> _Outcome:
        """Run again, but not before whoever interrupted it could end what it stands for."""
        return _Outcome(self._clock.now() + _AFTER_INTERRUPTION)

    def _failed(self, entry: Entry) -> _Outcome:
        failures = failures_of(entry) + 1
        wait = self._backoff.wait(failures)
        ref = entry.task_kwargs["ref"]
        _log.error("work failed", kind=entry.queue, ref=ref, failures=failures, wait=str(wait), exc_info=True)
        return _Outcome(self._clock.now() + wait, failures)

    async def _settle(self, entry: Entry, outcome: _Outcome) -> None:
        """Tell the queue, as often as it takes: the slot is not free before, so nothing runs twice at once."""
        failures = 0
        while True:
            try:
                if outcome.due_at is None:
                    kept = await self._queue.finish(entry)
                else:
                    kept = await self._queue.put_back(entry, due_at=outcome.due_at, failures=outcome.failures)
                    self.wake_at(outcome.due_at)
            except Exception as error:  # noqa: BLE001 - the database may well be back in a moment
                failures += 1
                ref = entry.task_kwargs["ref"]
                _log.warning("the queue cannot be written", kind=entry.queue, ref=ref, error=repr(error))
            else:
                if not kept:
                    _log.warning(
                        "another worker has taken the work over", kind=entry.queue, ref=entry.task_kwargs["ref"]
                    )
                return
            await asyncio.sleep(_QUEUE_BACKOFF.wait(failures).total_seconds())
