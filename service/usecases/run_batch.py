"""Running a batch as a whole: its listing, and its end once every item is final. The streams do the rest."""

from __future__ import annotations

from datetime import timedelta

import structlog

from service.domain.batches import Batch
from service.domain.jobs import Job, JobError
from service.domain.work import Again
from service.ports.batches import BatchLedger
from service.ports.clock import Clock
from service.ports.ledger import Ledger
from service.ports.storage import StorageError
from service.usecases.batch_endings import BatchEndings
from service.usecases.listings import Listings

_log = structlog.get_logger()
_CANCELED_AT_ONCE = 1000
_AGAIN = timedelta(seconds=5)  # until a bucket that could not be listed is tried again


class RunBatch:
    """What `RunJob` does with a batch.

    Args:
        patience: How long a bucket that cannot be listed is tried, counted from the start of the batch.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        batches: BatchLedger,
        listings: Listings,
        endings: BatchEndings,
        clock: Clock,
        patience: timedelta,
    ) -> None:
        self._ledger = ledger
        self._batches = batches
        self._listings = listings
        self._endings = endings
        self._clock = clock
        self._patience = patience

    async def __call__(self, job: Job) -> Again | None:
        """Take the batch as far as it goes now.

        Raises:
            LeaseLostError: another worker has taken the job.
        """
        batch = await self._batches.batch(None, job.id)
        assert batch is not None  # noqa: S101 - it is written together with its job
        error: JobError | None = None
        try:
            while batch.listed_at is None and batch.paused_at is None and not await self._canceled(job):
                batch = await self._list(job, batch)
        except StorageError as failure:
            _log.warning("the listing failed", code=failure.code, detail=str(failure))
            now = self._clock.now()
            if failure.transient and now < (job.started_at or now) + self._patience:
                return Again(now + _AGAIN)
            error = JobError(code=failure.code, message=str(failure))
        if error is not None or await self._canceled(job):
            while await self._batches.cancel_items(job, limit=_CANCELED_AT_ONCE, now=self._clock.now()):
                pass
        elif not batch.done:
            return None  # the last item calls again, or whoever resumes it
        await self._endings(job, error)
        return None

    async def _list(self, job: Job, batch: Batch) -> Batch:
        page = await self._listings.page(batch)
        return await self._batches.add_items(
            job,
            page.found,
            cursor=page.cursor,
            listed=page.cursor is None,
            extension=job.parameters["output_format"],
            now=self._clock.now(),
        )

    async def _canceled(self, job: Job) -> bool:
        found = await self._ledger.job(None, job.id)
        return found is None or found.cancel_requested_at is not None
