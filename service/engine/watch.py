"""The watch of a worker: it tells that it lives, and takes over what others left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from procrastinate.jobs import Job as Entry

from service.engine.flight import Flight
from service.engine.queue import Queue
from service.ports.clock import Clock

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often a worker tells that it lives, and after how long a silence its work is taken over."""

    beat_seconds: float = 5.0
    silent_seconds: float = 30.0


class Watch:
    """Heartbeats, and as often a look at what no longer runs although the queue says so.

    That is the work of workers that died, were stopped or cut off; and this worker's own where an answer of the
    database was lost, so that an entry is noted as running which nobody here runs.

    Args:
        clock: Goes on while the process or its host is stopped.
        flights: What runs in this process, by the id of its entry.
        found: Called when there may be something to take.
    """

    def __init__(
        self,
        queue: Queue,
        rhythm: Rhythm,
        *,
        clock: Clock,
        flights: Callable[[], Mapping[int, Flight]],
        found: Callable[[], None],
    ) -> None:
        self._queue = queue
        self._rhythm = rhythm
        self._clock = clock
        self._flights = flights
        self._found = found
        self._unknown: set[int | None] = set()
        self._heard_at = self._heard_since = clock.now()
        self._silent_until: datetime | None = None

    def was_silent(self, within: timedelta) -> bool:
        """Whether this worker, for some of the time within which something runs, could be taken for dead."""
        now = self._clock.now()
        if self._gap(now) >= self._rhythm.silent_seconds:
            return True
        return self._silent_until is not None and now - self._silent_until <= within

    async def beat_for_ever(self) -> None:
        """Tell that it lives, whatever else there is to do."""
        while True:
            try:
                await self._beat()
            except Exception as error:  # noqa: BLE001 - the database may well be back in a moment
                _log.warning("the queue cannot be told that this worker lives", error=repr(error))
            await asyncio.sleep(self._rhythm.beat_seconds)

    async def look_for_ever(self) -> None:
        """Take over and stop what is to be taken over and stopped."""
        while True:
            try:
                await self._take_over()
                await self._stop_aborted()
            except Exception as error:  # noqa: BLE001 - the database may well be back in a moment
                _log.warning("the queue cannot be watched", error=repr(error))
            await asyncio.sleep(self._rhythm.beat_seconds)

    async def _beat(self) -> None:
        asked_at = self._clock.now()
        await self._queue.beat()
        gap_seconds = self._gap(asked_at)
        if gap_seconds >= self._rhythm.silent_seconds / 2:
            self._heard_since = asked_at
        if gap_seconds >= self._rhythm.silent_seconds:
            self._silent_until = asked_at
            _log.warning("this worker was not heard of for a while; its work may have been taken over")
        self._heard_at = asked_at

    def _gap(self, now: datetime) -> float:
        return (now - self._heard_at).total_seconds()

    def _may_judge(self) -> bool:
        """Whether who is silent is so by himself.

        After a time in which the database was away nobody has been heard of, and the first who is back must not take
        the others for dead. So a worker has to be heard of for long enough itself.
        """
        now = self._clock.now()
        heard_seconds = (now - self._heard_since).total_seconds()
        return self._gap(now) < self._rhythm.silent_seconds / 2 and heard_seconds >= self._rhythm.silent_seconds

    async def _take_over(self) -> None:
        abandoned = await self._queue.abandoned(silent_seconds=self._rhythm.silent_seconds)
        if not self._may_judge():
            abandoned = [entry for entry in abandoned if entry.worker_id is None]
        entries = [entry for entry in (*abandoned, *await self._mislaid()) if entry.id not in self._flights()]
        for entry in entries:
            if await self._queue.put_back(entry, due_at=None):
                _log.warning("work is taken over", kind=entry.queue, ref=entry.task_kwargs["ref"])
        if entries:
            self._found()

    async def _mislaid(self) -> list[Entry]:
        """What this worker should run and does not; known only the second time, as it may be about to begin."""
        unknown = {entry.id: entry for entry in await self._queue.taken() if entry.id not in self._flights()}
        mislaid = [entry for entry_id, entry in unknown.items() if entry_id in self._unknown]
        self._unknown = set(unknown)
        return mislaid

    async def _stop_aborted(self) -> None:
        flights = self._flights()
        if flights:
            for entry_id in await self._queue.to_abort():
                if (flight := flights.get(entry_id)) is not None:
                    flight.cancel()
