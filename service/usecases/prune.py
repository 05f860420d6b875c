"""Pruning: pictures go when their time is over, and later the rows that spoke of them."""

from __future__ import annotations

from datetime import timedelta

import structlog

from service.domain.jobs import Job
from service.domain.objects import ObjectRef
from service.domain.work import Again, Work, WorkKind
from service.ports.batches import BatchLedger
from service.ports.clock import Clock
from service.ports.ledger import Ledger
from service.ports.storage import Storage
from service.usecases.named_items import NamedItems
from service.usecases.outputs import places

_log = structlog.get_logger()
_EVERY = timedelta(minutes=1)
_PORTION = 100  # pictures or rows at a time, so that housekeeping never holds the database for long


class Prune:
    """The housekeeping that keeps disk and database from growing without end."""

    REF = "prune"

    def __init__(
        self, *, ledger: Ledger, batches: BatchLedger, storage: Storage, clock: Clock, row_retention: timedelta
    ) -> None:
        self._ledger = ledger
        self._batches = batches
        self._storage = storage
        self._named = NamedItems(storage=storage)
        self._clock = clock
        self._row_retention = row_retention

    async def schedule(self) -> None:
        """Make sure that the work exists; done once at start."""
        await self._ledger.schedule(Work(kind=WorkKind.HOUSEKEEPING, ref=self.REF, due_at=self._clock.now()))

    async def __call__(self, _work: Work) -> Again:
        """Remove one portion of what is due, and come again: at once when there is more."""
        now = self._clock.now()
        jobs = await self._ledger.expired(now=now, limit=_PORTION)
        for job in jobs:
            await self._remove_pictures(job)
            await self._ledger.expire(job.id, now=now)
        rows = await self._ledger.prune(before=now - self._row_retention, limit=_PORTION)
        if jobs or rows:
            _log.info("pruned", pictures=len(jobs), jobs=rows)
        more = len(jobs) == _PORTION or rows == _PORTION
        return Again(now if more else now + _EVERY)

    async def _remove_pictures(self, job: Job) -> None:
        refs: list[ObjectRef | None] = [job.mask, job.output.object if job.output else None]
        if job.source is not None and job.source.owned:
            refs.append(job.source.object)
        if not job.contract.is_batch and (job.output is None or job.run > 1):
            refs += places(job.target)  # also what a run has left there that was taken for dead, or canceled
        for ref in refs:
            if ref is not None:
                await self._storage.delete(ref)
        batch = await self._batches.batch(None, job.id) if job.contract.is_batch else None
        if batch is not None and batch.selection.named is not None:
            await self._named.remove(batch.selection.named)
