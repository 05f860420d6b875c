"""Control over jobs, batches above all: canceling, pausing, going on, and doing again what failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from service.domain.batches import Batch, ItemStatus
from service.domain.jobs import Job, JobStatus
from service.domain.refusals import RefusalCode, RefusedError
from service.domain.work import WorkKind
from service.ports.batches import BatchLedger
from service.ports.clock import Clock
from service.ports.engine import Engine
from service.ports.ledger import Accepted, Ledger
from service.usecases.read import JobView, ReadJobs
from service.usecases.submissions import BatchSubmission

CancelSingle = Callable[[str, str], Awaitable[JobView]]
RetrySingle = Callable[[Job, ItemStatus], Awaitable[Accepted]]
Accept = Callable[[BatchSubmission], Awaitable[Accepted]]


class ControlBatch:
    """Batches under their owners' hands. A batch of another tenant does not exist."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        batches: BatchLedger,
        engine: Engine,
        accept: Accept,
        cancel_single: CancelSingle,
        retry_single: RetrySingle,
        read: ReadJobs,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._batches = batches
        self._engine = engine
        self._accept = accept
        self._cancel_single = cancel_single
        self._retry_single = retry_single
        self._read = read
        self._clock = clock

    async def cancel(self, tenant: str, job_id: str) -> JobView:
        """Cancel a job, single or batch.

        Calls of a batch that are out are left at once; its report and callback follow a moment later.

        Raises:
            RefusedError: ``not_found``, or ``already_finished``.
        """
        batch = await self._batches.batch(tenant, job_id)
        if batch is None:
            return await self._cancel_single(tenant, job_id)
        job = await self._ledger.request_cancel(tenant, job_id, now=self._clock.now())
        if job is None:
            raise _missing(job_id)
        if job.finished and job.status is not JobStatus.CANCELED:
            raise RefusedError(RefusalCode.ALREADY_FINISHED, f"the job had already {job.status.value}")
        if not job.finished:
            await asyncio.gather(*(self._engine.interrupt(WorkKind.SHARD, ref) for ref in batch.stream_refs()))
            await self._batches.wake(job_id, now=self._clock.now())
        return await self._read.get(tenant, job_id)

    async def pause(self, tenant: str, job_id: str) -> JobView:
        """Take no more pictures; what was taken, at most twice what is in work at a time, is finished.

        Raises:
            RefusedError: ``not_found``, or ``already_finished``.
        """
        await self._unfinished(tenant, job_id)
        await self._batches.pause(tenant, job_id, now=self._clock.now())
        return await self._read.get(tenant, job_id)

    async def resume(self, tenant: str, job_id: str) -> JobView:
        """Go on.

        Raises:
            RefusedError: ``not_found``, or ``already_finished``.
        """
        await self._unfinished(tenant, job_id)
        await self._batches.resume(tenant, job_id, now=self._clock.now())
        return await self._read.get(tenant, job_id)

    async def retry(self, tenant: str, job_id: str, status: ItemStatus = ItemStatus.FAILED) -> JobView:
        """A new job of what failed, or fell back, in this one; otherwise the same.

        Raises:
            RefusedError: ``not_found``, ``not_ready``, or why the new job cannot be accepted.
        """
        job = await self._ledger.job(tenant, job_id)
        if job is None:
            raise _missing(job_id)
        if not job.finished:
            raise RefusedError(RefusalCode.NOT_READY, "this job has not finished yet", retryable=True)
        batch = await self._batches.batch(tenant, job_id)
        again = self._retry_single(job, status) if batch is None else self._retry_batch(job, batch, status)
        return await self._read.get(tenant, (await again).job_id)

    async def _retry_batch(self, job: Job, batch: Batch, status: ItemStatus) -> Accepted:
        return await self._accept(
            BatchSubmission(
                tenant=job.tenant,
                prompt=job.prompt,
                bucket=batch.selection.bucket,
                output_bucket=job.target.bucket,
                output_prefix=batch.output_prefix,
                concurrency=batch.concurrency,
                max_cost_usd=batch.max_cost_usd,
                only_failed_of=None if status is ItemStatus.FALLBACK else job.id,
                redo_fallbacks_of=job.id if status is ItemStatus.FALLBACK else None,
                staging=batch.staging,
                contract=job.contract,
                parameters=job.parameters,
                provider=job.provider,
                metadata=job.metadata,
                retry_possibly_billed=job.retry_possibly_billed,
                callback_url=job.callback_url,
            )
        )

    async def _unfinished(self, tenant: str, job_id: str) -> None:
        job, _ = await self._batch(tenant, job_id)
        if job.finished:
            raise RefusedError(RefusalCode.ALREADY_FINISHED, f"the job had already {job.status.value}")

    async def _batch(self, tenant: str, job_id: str) -> tuple[Job, Batch]:
        job = await self._ledger.job(tenant, job_id)
        if job is None:
            raise _missing(job_id)
        batch = await self._batches.batch(tenant, job_id)
        if batch is None:
            raise RefusedError(RefusalCode.INVALID_REQUEST, "this job is no batch")
        return job, batch


def _missing(job_id: str) -> RefusedError:
    return RefusedError(RefusalCode.NOT_FOUND, f"there is no job {job_id!r}")
