"""Reading batches: their items, their report, and what one would cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from service.domain.batches import Estimate, Group, Item, estimated
from service.domain.jobs import Job
from service.domain.objects import ObjectRef
from service.domain.refusals import RefusalCode, RefusedError
from service.domain.reports import manifest_key
from service.ports.batches import BatchLedger, GroupQuery, ItemQuery
from service.ports.ledger import Ledger
from service.ports.storage import Storage
from service.usecases.accept_batch import PlanBatch
from service.usecases.listings import Listings
from service.usecases.submissions import BatchSubmission

_MOST_PAGES = 50  # of a listing that a caller waits for


class ReadBatches:
    """Answers questions about batches. A batch of another tenant does not exist."""

    def __init__(self, *, ledger: Ledger, batches: BatchLedger, storage: Storage, link_seconds: int) -> None:
        self._ledger = ledger
        self._batches = batches
        self._storage = storage
        self._link_seconds = link_seconds

    async def items(self, tenant: str, query: ItemQuery) -> Sequence[Item]:
        """A page of the items of a batch; a single job has none.

        Raises:
            RefusedError: ``not_found``.
        """
        await self._job(tenant, query.job_id)
        return await self._batches.items(query)

    async def groups(self, tenant: str, query: GroupQuery) -> Sequence[Group]:
        """A page of the groups of a batch, as far as they are known; most batches have none.

        Raises:
            RefusedError: ``not_found``.
        """
        await self._job(tenant, query.job_id)
        return await self._batches.groups(query)

    async def report(self, tenant: str, job_id: str) -> str:
        """A fresh link to the description of a batch's report.

        Raises:
            RefusedError: ``not_found``, ``not_ready`` before its end or where there is none.
        """
        job = await self._job(tenant, job_id)
        if not job.finished:
            raise RefusedError(RefusalCode.NOT_READY, "this batch has not finished yet", retryable=True)
        ref = ObjectRef(job.target.bucket, manifest_key(job))
        if await self._storage.head(ref) is None:
            raise RefusedError(RefusalCode.NOT_READY, "this job has no report")
        return await self._storage.link(ref, expires_in_seconds=self._link_seconds, filename="manifest.json")

    async def _job(self, tenant: str, job_id: str) -> Job:
        job = await self._ledger.job(tenant, job_id)
        if job is None:
            raise RefusedError(RefusalCode.NOT_FOUND, f"there is no job {job_id!r}")
        return job


class EstimateBatch:
    """Says what a batch would be, without making it a job."""

    def __init__(self, *, plan: PlanBatch, listings: Listings) -> None:
        self._plan = plan
        self._listings = listings

    async def __call__(self, submission: BatchSubmission) -> Estimate:
        """List what a batch would list, 50,000 objects at most.

        Raises:
            RefusedError: the request could not be a batch.
            StorageError: the bucket cannot be listed.
        """
        planned = await self._plan(submission)
        batch, skipped = planned.batch, 0
        if planned.named:
            return estimated(replace(batch, pictures=len(planned.named)), skipped=skipped)
        for _ in range(_MOST_PAGES):
            page = await self._listings.page(batch)
            wanted = [one for one in page.found if one.skip is None]
            skipped += len(page.found) - len(wanted)
            batch = replace(
                batch,
                cursor=page.cursor,
                pictures=batch.pictures + len(wanted),
                picture_bytes=batch.picture_bytes + sum(one.byte_count for one in wanted),
            )
            if page.cursor is None:
                return estimated(batch, skipped=skipped)
        return estimated(batch, skipped=skipped, complete=False)
