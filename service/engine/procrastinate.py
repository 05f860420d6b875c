"""The engine for many processes on many hosts: Procrastinate's queues in the ledger's own Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

import structlog
from procrastinate.jobs import Notification, Status
from sqlalchemy import Connection

from service.domain.work import Work, WorkKind
from service.engine.backoff import Backoff
from service.engine.entries import defer, entry_of, run
from service.engine.fleet_lane import FleetLane
from service.engine.flight import Flight
from service.engine.queue import Queue
from service.engine.watch import Rhythm, Watch
from service.ports.clock import Clock
from service.ports.engine import Handler

_log = structlog.get_logger()
_BACKOFF = Backoff(first_seconds=1, longest_seconds=300)
_RHYTHM = Rhythm()
_LISTEN_AGAIN_SECONDS = 1.0
_LETTING_GO_SECONDS = 10.0  # how long an interruption waits for a worker elsewhere, which may be dead
_ASK_AGAIN_SECONDS = 0.05
_PUTTING_BACK_SECONDS = 5.0  # for telling the queue, when stopping, what was not finished; it may be away


class ProcrastinateEngine:
    """Implements `Engine`, and `WorkQueue` for the ledger, over queues that many processes share.

    An entry is made within the ledger's transaction, whichever process that is in, and announced by the database once
    it is committed. A worker that is not heard of for a while loses what it runs to another; should it live on, what it
    writes is refused by the ledger because the other has taken the job under a new run number.

    Args:
        queue: Of this process; opened and closed by whoever made it.
        clock: Says what is due, as exactly as the clocks of the hosts agree.
        concurrency: How many handlers of each kind run at once in this process.
        backoff: The waits after a handler has raised.
        rhythm: How soon a worker counts as gone.
    """

    def __init__(
        self,
        *,
        queue: Queue,
        clock: Clock,
        concurrency: Mapping[WorkKind, int],
        backoff: Backoff = _BACKOFF,
        rhythm: Rhythm = _RHYTHM,
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._concurrency = concurrency
        self._backoff = backoff
        self._rhythm = rhythm
        self._lanes: dict[WorkKind, FleetLane] = {}
        self._watch: Watch | None = None
        self._serving: Collection[asyncio.Task[None]] = ()

    def defer(self, connection: Connection, work: Sequence[Work]) -> None:
        """Queue work within the ledger's transaction."""
        now = self._clock.now()
        defer(connection, [entry_of(piece, now=now) for piece in work])

    def committed(self, work: Sequence[Work]) -> None:
        """Look for it where this process runs work of its kind; the others hear of it from the database."""
        for piece in work:
            if (lane := self._lanes.get(piece.kind)) is not None:
                lane.wake_at(piece.due_at)

    def holds(self, connection: Connection, work: Sequence[Work]) -> Sequence[bool]:
        """Whether nobody has taken over what handlers were given."""
        return run(connection, work)

    async def start(self, handlers: Mapping[WorkKind, Handler]) -> None:
        """Begin to work in the background; a process without handlers only queues work for others."""
        if not handlers:
            return
        await self._queue.enlist()
        for kind, handler in handlers.items():
            self._lanes[kind] = FleetLane(
                kind,
                handler,
                queue=self._queue,
                clock=self._clock,
                concurrency=self._concurrency[kind],
                backoff=self._backoff,
            )
        self._watch = Watch(self._queue, self._rhythm, clock=self._clock, flights=self._flights, found=self._wake)
        serving = (self._watch.beat_for_ever(), self._watch.look_for_ever(), self._listen_for_ever())
        self._serving = list(map(asyncio.create_task, serving))
        for lane in self._lanes.values():
            lane.start()

    async def interrupt(self, kind: WorkKind, ref: str) -> None:
        """Cancel a handler that is running now, and wait until it has let go or is not heard of.

        It is called again a moment later.
        """
        if (lane := self._lanes.get(kind)) is not None and (flight := lane.flight_of(ref)) is not None:
            await flight.interrupt()
        elif (entry_id := await self._queue.running(kind, ref)) is not None:
            await self._queue.abort(entry_id)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LETTING_GO_SECONDS):
                    while await self._queue.state(entry_id) is Status.DOING:  # noqa: ASYNC110 - it runs elsewhere
                        await asyncio.sleep(_ASK_AGAIN_SECONDS)

    async def stop(self, *, grace_seconds: float) -> None:
        """Take nothing new, let what runs finish within the grace period, cancel the rest (it will run again)."""
        running = [task for lane in self._lanes.values() for task in lane.close()]
        if running:
            _, late = await asyncio.wait(running, timeout=grace_seconds)
            for task in late:
                task.cancel()
        await self._end_lanes()
        serving = self._serving
        while serving:
            for task in serving:
                task.cancel()
            # Again and again: Python 3.11's `wait_for`, beneath the listening, may swallow a cancellation.
            _, serving = await asyncio.wait(serving, timeout=1)
        if self._lanes:
            try:
                await self._queue.resign()
            except Exception:  # noqa: BLE001 - then the others notice its silence
                _log.exception("the queue was not told that this worker stops")

    async def _end_lanes(self) -> None:
        """Wait until the queue was told what was not finished, but no longer than it may be away."""
        try:
            async with asyncio.timeout(_PUTTING_BACK_SECONDS):
                await self._ended()
        except TimeoutError:
            for lane in self._lanes.values():
                for task in lane.tasks:
                    task.cancel()
            await self._ended()

    async def _ended(self) -> None:
        while tasks := [task for lane in self._lanes.values() for task in lane.tasks]:
            await asyncio.wait(tasks)

    async def depth(self) -> Mapping[WorkKind, int]:
        """How much work there is in all processes, running and waiting."""
        return await self._queue.depth()

    def in_flight(self) -> Mapping[WorkKind, int]:
        """How many handlers run now in this process."""
        return {kind: len(lane.flights) for kind, lane in self._lanes.items()}

    def may_have_lost(self, running: timedelta) -> bool:
        """Whether another process may have taken over what has been running here for so long."""
        return self._watch is not None and self._watch.was_silent(running)

    def _flights(self) -> Mapping[int, Flight]:
        return {entry_id: flight for lane in self._lanes.values() for entry_id, flight in lane.flights.items()}

    def _wake(self) -> None:
        for lane in self._lanes.values():
            lane.wake()

    async def _listen_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            begun_at = loop.time()
            try:
                await self._queue.listen(self._lanes, self._told)
            except Exception as error:  # noqa: BLE001 - until it is back, the lanes look by themselves now and then
                if loop.time() - begun_at > _LISTEN_AGAIN_SECONDS:  # said once, not at every try
                    _log.warning("announcements of work are not heard", error=repr(error))
            await asyncio.sleep(_LISTEN_AGAIN_SECONDS)

    def _told(self, kind: WorkKind, notification: Notification) -> None:
        lane = self._lanes[kind]
        if notification["type"] == "job_inserted":
            lane.wake()
        elif (flight := lane.flights.get(notification["job_id"])) is not None:
            flight.cancel()
