"""The end of a batch: its report, its final state and its one callback."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from service.domain.batches import Batch, estimated
from service.domain.deliveries import Body, Delivery
from service.domain.identifiers import new_delivery_id
from service.domain.jobs import Contract, Ending, Job, JobError, JobStatus
from service.domain.payloads import BatchStatus, BatchToolCallback
from service.ports.batches import BatchLedger
from service.ports.clock import Clock
from service.ports.ledger import Ledger
from service.ports.storage import Storage, StorageError
from service.telemetry.metrics import Metrics
from service.usecases.messages import Messages
from service.usecases.report import Report, WriteReport

_log = structlog.get_logger()
_STATUS: dict[JobStatus, BatchStatus] = {
    JobStatus.SUCCEEDED: "completed",
    JobStatus.PARTIALLY_SUCCEEDED: "completed_with_errors",
    JobStatus.FAILED: "failed",
    JobStatus.CANCELED: "canceled",
}


class BatchEndings:
    """Ends batches whose items are all final.

    Args:
        link_seconds: How long the link to the report in a callback works.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        batches: BatchLedger,
        storage: Storage,
        report: WriteReport,
        messages: Messages,
        metrics: Metrics,
        clock: Clock,
        retention: timedelta,
        link_seconds: int,
    ) -> None:
        self._ledger = ledger
        self._batches = batches
        self._storage = storage
        self._report = report
        self._messages = messages
        self._metrics = metrics
        self._clock = clock
        self._retention = retention
        self._link_seconds = link_seconds

    async def __call__(self, job: Job, error: JobError | None) -> None:
        """End a batch: with an error that concerns it as a whole, as canceled where that was asked for, or as it went.

        Raises:
            LeaseLostError: another worker has taken the job.
        """
        counted = await self._ledger.job(None, job.id)
        batch = await self._batches.batch(None, job.id)
        assert counted is not None  # noqa: S101 - it is held
        assert batch is not None  # noqa: S101 - it goes with its job
        job = replace(counted, run=job.run)
        report, warnings = await self._reported(job, batch)
        now = self._clock.now()
        status = _status(job, error)
        if status is JobStatus.CANCELED:
            error = JobError(code="canceled", message="the batch was canceled")
        ending = Ending(
            status=status,
            finished_at=now,
            expires_at=now + self._retention,
            error=error,
            warnings=(*job.warnings, *warnings),
            usage=job.usage,
            cost_usd=job.cost_usd,
            progress=job.progress,
        )
        if await self._ledger.finish(job, ending, await self._delivery(job, batch, ending, report)):
            self._metrics.job_finished(
                operation=job.operation,
                provider="none",
                source="none",
                status=status.value,
                seconds=(now - job.created_at).total_seconds(),
            )
            _log.info("batch ended", status=status.value, total=job.progress.total)

    async def _reported(self, job: Job, batch: Batch) -> tuple[Report | None, tuple[str, ...]]:
        if batch.dry_run:
            return None, ()
        try:
            return await self._report(job, now=self._clock.now()), ()
        except StorageError as failure:
            _log.exception("the report could not be stored")
            return None, (f"the report could not be stored: {failure}",)

    async def _delivery(self, job: Job, batch: Batch, ending: Ending, report: Report | None) -> Delivery | None:
        if job.callback_url is None:
            return None
        if job.contract is not Contract.TOOL_BATCH:
            return await self._messages.for_ending(job, ending)
        url = None
        if report is not None:
            url = await self._storage.link(
                report.manifest, expires_in_seconds=self._link_seconds, filename="manifest.json"
            )
        payload = _payload(job, batch, ending, report, url)
        return Delivery(
            id=new_delivery_id(),
            job_id=job.id,
            tenant=job.tenant,
            url=job.callback_url,
            body=Body(payload.model_dump_json(exclude_none=True).encode()),
            created_at=ending.finished_at,
            next_attempt_at=ending.finished_at,
        )


def _status(job: Job, error: JobError | None) -> JobStatus:
    if error is not None:
        return JobStatus.FAILED
    if job.cancel_requested_at is not None:
        return JobStatus.CANCELED
    progress = job.progress
    if not progress.failed and not progress.fallback:
        return JobStatus.SUCCEEDED
    return JobStatus.PARTIALLY_SUCCEEDED if progress.succeeded or progress.fallback else JobStatus.FAILED


def _payload(job: Job, batch: Batch, ending: Ending, report: Report | None, url: str | None) -> BatchToolCallback:
    progress = ending.progress
    estimate = estimated(batch, skipped=progress.skipped) if batch.dry_run else None
    return BatchToolCallback(
        status=_STATUS[ending.status],
        job_id=job.id,
        total_files=progress.total,
        total_files_processed=progress.succeeded + progress.fallback,
        processed=progress.succeeded,
        failed=progress.failed,
        fallback_local=progress.fallback,
        skipped=progress.skipped,
        duration_seconds=_seconds(job.started_at or ending.finished_at, ending.finished_at),
        output_bucket=job.target.bucket,
        output_prefix=job.target.key,
        errors=list(report.errors) if report else [],
        error=ending.error.message if ending.error else None,
        error_code=ending.error.code if ending.error else None,
        report_url=url,
        cost_usd=estimate.cost_usd if estimate else ending.cost_usd,
        dry_run=True if estimate else None,
        total_bytes=estimate.byte_count if estimate else None,
        estimated_seconds=estimate.seconds if estimate else None,
    )


def _seconds(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds(), 3)
