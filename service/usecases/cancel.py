"""Canceling: a queued job at once, a running one as soon as its provider call is left."""

from __future__ import annotations

from contextlib import suppress

from service.domain.jobs import JobStatus
from service.domain.refusals import RefusalCode, RefusedError
from service.domain.work import WorkKind
from service.ports.clock import Clock
from service.ports.engine import Engine
from service.ports.ledger import LeaseLostError, Ledger
from service.usecases.endings import Endings
from service.usecases.read import JobView, ReadJobs


class CancelJob:
    """Ends a job that its caller no longer wants."""

    def __init__(self, *, ledger: Ledger, engine: Engine, endings: Endings, read: ReadJobs, clock: Clock) -> None:
        self._ledger = ledger
        self._engine = engine
        self._endings = endings
        self._read = read
        self._clock = clock

    async def __call__(self, tenant: str, job_id: str) -> JobView:
        """Cancel a job; canceling a canceled one is no error.

        A call that was out may have been charged: its attempt is marked so.

        Raises:
            RefusedError: ``not_found``, or ``already_finished``.
        """
        job = await self._ledger.request_cancel(tenant, job_id, now=self._clock.now())
        if job is None:
            raise RefusedError(RefusalCode.NOT_FOUND, f"there is no job {job_id!r}")
        while not job.finished:
            await self._engine.interrupt(WorkKind.JOB, job_id)
            # Whoever ran it has let go, or noticed the request and ended it; read again which.
            job = await self._ledger.job(tenant, job_id) or job
            if job.finished:
                break
            with suppress(LeaseLostError):  # it was taken again meanwhile
                await self._endings.canceled(job)
                break
        view = await self._read.get(tenant, job_id)
        if view.job.status is not JobStatus.CANCELED:
            raise RefusedError(RefusalCode.ALREADY_FINISHED, f"the job had already {view.job.status.value}")
        return view
