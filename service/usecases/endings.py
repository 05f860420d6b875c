"""Endings: the one place where a job reaches its final state, together with its callback."""

from __future__ import annotations

from datetime import timedelta

import structlog

from service.domain.jobs import Ending, Job, JobError, JobStatus, OutputSource, Progress
from service.ports.clock import Clock
from service.ports.ledger import Ledger
from service.telemetry.metrics import Metrics
from service.usecases.messages import Messages
from service.usecases.outputs import Kept

_log = structlog.get_logger()


class Endings:
    """Ends jobs: builds what became true, records it with the callback in one transaction, counts it."""

    def __init__(
        self, *, ledger: Ledger, messages: Messages, metrics: Metrics, clock: Clock, retention: timedelta
    ) -> None:
        self._ledger = ledger
        self._messages = messages
        self._metrics = metrics
        self._clock = clock
        self._retention = retention

    async def succeeded(self, job: Job, kept: Kept) -> None:
        """End a job with a picture, the provider's or the labelled local one."""
        fell_back = kept.output.source is OutputSource.FALLBACK
        progress = Progress(succeeded=int(not fell_back), fallback=int(fell_back))
        await self._end(job, JobStatus.SUCCEEDED, kept=kept, progress=progress)

    async def failed(self, job: Job, error: JobError) -> None:
        """End a job with the reason why there is no picture."""
        await self._end(job, JobStatus.FAILED, error=error, progress=Progress(failed=1))

    async def canceled(self, job: Job) -> None:
        """End a job as its caller wished."""
        error = JobError(code="canceled", message="the job was canceled")
        await self._end(job, JobStatus.CANCELED, error=error, progress=Progress())

    async def expired(self, job: Job) -> None:
        """End a job whose deadline passed before it was begun."""
        error = JobError(code="deadline_exceeded", message="the deadline passed before the job could be started")
        await self._end(job, JobStatus.EXPIRED, error=error, progress=Progress(failed=1))

    async def _end(
        self,
        job: Job,
        status: JobStatus,
        *,
        progress: Progress,
        kept: Kept | None = None,
        error: JobError | None = None,
    ) -> None:
        now = self._clock.now()
        output = kept.output if kept else None
        ending = Ending(
            status=status,
            finished_at=now,
            expires_at=now + self._retention,
            output=output,
            error=error,
            warnings=tuple(dict.fromkeys((*job.warnings, *(kept.warnings if kept else ())))),
            usage=kept.usage if kept else None,
            cost_usd=kept.cost_usd if kept else None,
            progress=progress,
            attempt=kept.attempt if kept else None,
        )
        delivery = await self._messages.for_ending(job, ending)
        if await self._ledger.finish(job, ending, delivery):
            self._metrics.job_finished(
                operation=job.operation,
                provider=output.provider if output else (error.provider if error else None) or "none",
                source=output.source.value if output else "none",
                status=status.value,
                seconds=(now - job.created_at).total_seconds(),
            )
            _log.info("job ended", status=status.value, error_code=error.code if error else None)
