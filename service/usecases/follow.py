"""Following a job: its events as they happen, or how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from service.domain.events import Event
from service.domain.refusals import RefusalCode, RefusedError
from service.domain.standing import Standing, standing_of
from service.ports.batches import BatchLedger
from service.ports.ledger import Ledger, LedgerUnavailableError

T = TypeVar("T")

_PAGE = 100  # events that a slow follower keeps in memory at most
_PAUSE_SECONDS = 0.2  # between two looks: a batch wakes its followers for every picture


class FollowJob:
    """Reads the ledger for those who follow jobs: whenever it says that something happened, and at every tick.

    Nothing is kept for a follower but the place where it is, so a slow one costs nothing, and one that comes back
    goes on from its place. A database that is away is asked again at the next tick.
    """

    def __init__(self, *, ledger: Ledger, batches: BatchLedger) -> None:
        self._ledger = ledger
        self._batches = batches
        self._waiting: set[asyncio.Timeout] = set()
        self._stopping = False

    def stop(self) -> None:
        """End everything that is being followed, without a final event: the process is about to stop."""
        self._stopping = True
        for waiting in self._waiting:
            if not waiting.expired():
                waiting.reschedule(0)

    async def events(
        self, tenant: str, job_id: str, *, after: int = 0, tick_seconds: float
    ) -> AsyncIterator[Event | None] | None:
        """The events of a job numbered above `after`, those to come included, up to the final one; None at every tick.

        After a number that the job has not come to, say because the database was restored from a backup, all events
        follow: better twice than never.

        Returns:
            None when nothing follows any more, because `after` is the number of the final event.

        Raises:
            RefusedError: ``not_found``.
        """
        if await self._ledger.job(tenant, job_id) is None:
            raise _not_found(job_id)
        seen = await self._ledger.events(job_id, after=after - 1, limit=1) if after else ()
        if seen and seen[0].final:
            return None
        return self._events(job_id, after if seen else 0, tick_seconds)

    async def standings(self, tenant: str, job_id: str, *, tick_seconds: float) -> AsyncIterator[Standing | None]:
        """How far a job is, now and whenever that has changed, up to its end; None at every tick.

        Raises:
            RefusedError: ``not_found``.
        """
        first = await self._standing(tenant, job_id)
        if first is None:
            raise _not_found(job_id)
        return self._standings(tenant, first, tick_seconds)

    async def _events(self, job_id: str, after: int, tick_seconds: float) -> AsyncIterator[Event | None]:
        tick_at = _now() + tick_seconds
        while not self._stopping:
            look = partial(self._ledger.events, job_id, after=after, limit=_PAGE)
            page = await self._found(job_id, look, tick_at)
            for event in page or ():
                yield event
                after = event.sequence
                if event.final:
                    return
            if page is None:
                yield None
                tick_at = _now() + tick_seconds

    async def _standings(self, tenant: str, last: Standing, tick_seconds: float) -> AsyncIterator[Standing | None]:
        yield last
        tick_at = _now() + tick_seconds
        while not last.finished and not self._stopping:
            standing = await self._found(last.job_id, partial(self._changed, tenant, last), tick_at)
            yield standing
            if standing is None:
                tick_at = _now() + tick_seconds
            else:
                last = standing

    async def _changed(self, tenant: str, last: Standing) -> Standing | None:
        standing = await self._standing(tenant, last.job_id)
        return standing if standing != last else None

    async def _standing(self, tenant: str, job_id: str) -> Standing | None:
        job = await self._ledger.job(tenant, job_id)
        return None if job is None else standing_of(job, await self._batches.batch(tenant, job_id))

    async def _found(self, job_id: str, look: Callable[[], Awaitable[T | None]], tick_at: float) -> T | None:
        """What a look at the ledger brings, as soon as it brings anything; None when the tick comes first."""
        while not self._stopping and _now() < tick_at:
            looked_at = _now()
            async with self._ledger.changes(job_id) as changes:  # before the look, so that nothing falls in between
                with suppress(LedgerUnavailableError):  # it is asked again at the tick
                    if found := await look():
                        return found
                if not await self._woken(changes, tick_at):
                    return None
            await asyncio.sleep(looked_at + _PAUSE_SECONDS - _now())
        return None

    async def _woken(self, changes: AsyncIterator[None], tick_at: float) -> bool:
        """Wait for a change; False when the tick comes first, or the process is about to stop."""
        waiting = asyncio.timeout_at(0 if self._stopping else tick_at)
        self._waiting.add(waiting)
        try:
            async with waiting:
                await anext(changes)
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(waiting)
        return True


def _now() -> float:
    return asyncio.get_running_loop().time()


def _not_found(job_id: str) -> RefusedError:
    return RefusedError(RefusalCode.NOT_FOUND, f"there is no job {job_id!r}")
