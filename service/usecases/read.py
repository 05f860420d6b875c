"""Reading jobs: one, a page of them, the picture, and waiting for the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.batches import Batch
from service.domain.deliveries import Delivery
from service.domain.jobs import Job, JobStatus, Output
from service.domain.refusals import RefusalCode, RefusedError
from service.ports.batches import BatchLedger
from service.ports.clock import Clock
from service.ports.ledger import JobQuery, Ledger
from service.ports.storage import ObjectMissingError, Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job as a reader sees it now: with a fresh link, its place in the queue and its callback."""

    job: Job
    output_url: str | None = None
    output_url_expires_at: datetime | None = None
    queue_position: int | None = None
    callback: Delivery | None = None
    batch: Batch | None = None


class ReadJobs:
    """Answers questions about jobs. A job of another tenant does not exist."""

    def __init__(
        self, *, ledger: Ledger, batches: BatchLedger, storage: Storage, clock: Clock, link_seconds: int
    ) -> None:
        self._ledger = ledger
        self._batches = batches
        self._storage = storage
        self._clock = clock
        self._link_seconds = link_seconds

    async def get(self, tenant: str, job_id: str) -> JobView:
        """One job.

        Raises:
            RefusedError: ``not_found``.
        """
        return await self.view(await self._job(tenant, job_id))

    async def list(self, query: JobQuery) -> Sequence[JobView]:
        """A page of jobs, newest first."""
        return [await self.view(job) for job in await self._ledger.jobs(query)]

    async def view(self, job: Job) -> JobView:
        """A job with what belongs to it and changes by the minute."""
        url = expires_at = None
        if job.output is not None and job.removed_at is None:
            url, expires_at = await self._link(job.output, job)
        queued = job.status is JobStatus.QUEUED
        deliveries = await self._ledger.deliveries(job.tenant, job.id) if job.callback_url and job.finished else ()
        return JobView(
            job=job,
            output_url=url,
            output_url_expires_at=expires_at,
            queue_position=await self._ledger.queue_position(job.id) if queued else None,
            callback=deliveries[-1] if deliveries else None,
            batch=await self._batches.batch(None, job.id) if job.contract.is_batch else None,
        )

    async def wait(self, tenant: str, job_id: str, seconds: float) -> JobView:
        """One job, as soon as it has ended or the time is over.

        Raises:
            RefusedError: ``not_found``.
        """
        async with self._ledger.changes(job_id) as changes:
            job = await self._job(tenant, job_id)
            if not job.finished:
                try:
                    async with asyncio.timeout(seconds):
                        async for _ in changes:
                            job = await self._job(tenant, job_id)
                            if job.finished:
                                break
                except TimeoutError:
                    pass
        return await self.view(job)

    async def output(self, tenant: str, job_id: str) -> str:
        """A fresh link to a job's picture.

        Raises:
            RefusedError: ``not_found``, ``not_ready`` while it runs or when it made none, ``expired``.
        """
        job = await self._job(tenant, job_id)
        if job.removed_at is not None:
            raise RefusedError(RefusalCode.EXPIRED, "the pictures of this job were removed when its time was over")
        if job.output is None:
            detail = "this job made no picture" if job.finished else "this job has not finished yet"
            raise RefusedError(RefusalCode.NOT_READY, detail, retryable=not job.finished)
        return (await self._link(job.output, job))[0]

    async def picture(self, job: Job, *, max_bytes: int) -> bytes | None:
        """The file of a job's picture; None where there is none, or one of more bytes.

        Raises:
            StorageError: the store failed.
        """
        if job.output is None or job.output.byte_count > max_bytes or job.removed_at is not None:
            return None
        try:
            return (await self._storage.get(job.output.object, max_bytes=max_bytes)).data
        except ObjectMissingError:  # somebody else has removed it
            return None

    async def deliveries(self, tenant: str, job_id: str) -> Sequence[Delivery]:
        """The callbacks of a job with their attempts.

        Raises:
            RefusedError: ``not_found``.
        """
        await self._job(tenant, job_id)
        return await self._ledger.deliveries(tenant, job_id)

    async def _job(self, tenant: str, job_id: str) -> Job:
        job = await self._ledger.job(tenant, job_id)
        if job is None:
            raise RefusedError(RefusalCode.NOT_FOUND, f"there is no job {job_id!r}")
        return job

    async def _link(self, output: Output, job: Job) -> tuple[str, datetime]:
        """A link that never outlives the picture."""
        now, seconds = self._clock.now(), self._link_seconds
        if job.expires_at is not None:
            seconds = max(1, min(seconds, int((job.expires_at - now).total_seconds())))
        filename = output.object.key.rsplit("/", 1)[-1]
        url = await self._storage.link(output.object, expires_in_seconds=seconds, filename=filename)
        return url, now + timedelta(seconds=seconds)
