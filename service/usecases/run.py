"""Running a job: from its turn to its end, or to the moment at which it must be tried again."""

from __future__ import annotations

import structlog

from service.domain.jobs import Job, JobError
from service.domain.work import Again, Work
from service.ports.clock import Clock
from service.ports.ledger import LeaseLostError, Ledger
from service.telemetry.metrics import Metrics
from service.usecases.edit import EditPicture
from service.usecases.endings import Endings
from service.usecases.head_start import HeadStart
from service.usecases.run_batch import RunBatch

_log = structlog.get_logger()


class RunJob:
    """The handler of job work."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        edit: EditPicture,
        batch: RunBatch,
        endings: Endings,
        head_start: HeadStart,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._edit = edit
        self._batch = batch
        self._endings = endings
        self._head_start = head_start
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, work: Work) -> Again | None:
        """Take the job as far as it goes now."""
        with structlog.contextvars.bound_contextvars(job_id=work.ref):
            try:
                return await self._take(work)
            except LeaseLostError:
                _log.warning("another worker has taken the job")
                return None
            finally:
                self._head_start.forget(work.ref)

    async def _take(self, work: Work) -> Again | None:
        job = await self._ledger.begin(work.ref, now=self._clock.now(), work=work)
        if job is None or job.finished:
            return None
        if job.run == 1 and job.started_at is not None:
            waited = job.started_at - job.created_at
            self._metrics.job_started(job.operation, wait_seconds=waited.total_seconds())
        return await self._run(job)

    async def _run(self, job: Job) -> Again | None:
        if job.contract.is_batch:
            return await self._batch(job)
        if job.cancel_requested_at is not None:
            await self._endings.canceled(job)
            return None
        if job.deadline_at is not None and not job.attempts and self._clock.now() >= job.deadline_at:
            await self._endings.expired(job)
            return None
        result = await self._edit(job)
        match result:
            case Again():
                return result
            case JobError():
                await self._endings.failed(job, result)
            case kept:
                await self._endings.succeeded(job, kept)
        return None
