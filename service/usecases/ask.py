"""Asking a provider once: recorded before the call, its result stored before anything else, its failure decided."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from service.domain import attempts
from service.domain.attempts import INTERRUPTED, SUCCEEDED, WITHHELD
from service.domain.faults import Fault, ProviderFaultError
from service.domain.jobs import Attempt, Job, OutputSource
from service.domain.pictures import PictureRefusedError
from service.ports.clock import Clock
from service.ports.ledger import LeaseLostError, Ledger, LedgerUnavailableError
from service.ports.provider import Caller, Provider, Result, Task, Ticket
from service.ports.storage import StorageError
from service.telemetry.metrics import Metrics
from service.usecases.lease import Lease
from service.usecases.outputs import Kept, Made, Outputs

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pending:
    """The provider works on it; ask again at that moment."""

    due_at: datetime


class AskProvider:
    """One attempt at one provider."""

    def __init__(self, *, ledger: Ledger, outputs: Outputs, metrics: Metrics, clock: Clock) -> None:
        self._ledger = ledger
        self._outputs = outputs
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, job: Job, provider: Provider, task: Task, warnings: tuple[str, ...]) -> Kept | Pending:
        """Ask once, or collect what an earlier ticket stands for.

        The end of an attempt that succeeded is left to whoever records what it led to.

        Raises:
            ProviderFaultError: the attempt failed and is recorded so; or nobody was asked.
            CallLaterError: nobody was asked, and nobody waits.
            LeaseLostError: another worker has the job; nothing was asked, or what came is left to that one.
            LedgerUnavailableError: nobody can tell who has it, and nothing was asked.
            StorageError: the result could not be stored.
        """
        ticketed = _open_ticket(job, provider)
        caller = Caller(
            tenant=job.tenant,
            bulk=job.item is not None,
            collects=ticketed is not None,
            deadline_at=None if ticketed is not None else job.deadline_at,  # it may be paid for
        )
        async with provider.admission(caller):
            attempt = ticketed or Attempt(
                number=len(job.attempts) + 1, provider=provider.name, model=task.model, started_at=self._clock.now()
            )
            if attempt.ticket is None:
                if (kept := await self._made_meanwhile(job)) is not None:
                    return kept
                lease = Lease(job, ledger=self._ledger, clock=self._clock)
                await lease.confirmed_by(self._ledger.begin_attempt(job, attempt))
                task = replace(task, fence=lease.check)
            answer = await self._call(job, provider, task, attempt)
        if isinstance(answer, Ticket):
            await self._ledger.keep_ticket(job, attempt.number, {"id": answer.id, "state": dict(answer.state)})
            return Pending(self._clock.now() + timedelta(seconds=answer.poll_after_seconds))
        return await self._keep(job, provider, attempt, answer, warnings)

    async def _made_meanwhile(self, job: Job) -> Kept | None:
        """The result of a call that was taken for interrupted, where its worker lives and has stored it after all."""
        if not any(attempt.code == INTERRUPTED for attempt in job.attempts):
            return None
        kept = await self._outputs.find(job)
        return kept if kept is not None and kept.output.source is OutputSource.PROVIDER else None

    async def _call(self, job: Job, provider: Provider, task: Task, attempt: Attempt) -> Result | Ticket:
        started = asyncio.get_running_loop().time()
        outcome = SUCCEEDED
        try:
            if attempt.ticket is None:
                await task.fence()
                return await provider.start(task)
            ticket = Ticket(id=attempt.ticket["id"], poll_after_seconds=0, state=attempt.ticket["state"])
            return await provider.collect(task, ticket)
        except ProviderFaultError as fault:
            outcome = fault.fault.value
            await self._failed(job, attempt, fault)
            raise
        except (LeaseLostError, LedgerUnavailableError):
            outcome = WITHHELD
            await self._ledger.withdraw_attempt(job, attempts.withheld(attempt, self._clock.now()))
            raise
        except asyncio.CancelledError:
            outcome = INTERRUPTED
            # Whoever canceled waits for this row: it says that money may be gone.
            await asyncio.shield(self._ledger.end_attempt(job, attempts.interrupted(attempt, self._clock.now())))
            raise
        finally:
            self._metrics.provider_called(
                provider=provider.name, outcome=outcome, seconds=asyncio.get_running_loop().time() - started
            )

    async def _keep(
        self, job: Job, provider: Provider, attempt: Attempt, result: Result, warnings: tuple[str, ...]
    ) -> Kept:
        made = Made(
            data=result.data,
            source=OutputSource.PROVIDER,
            provider=provider.name,
            model=result.model,
            usage=result.usage,
            cost_usd=result.cost_usd,
            warnings=(*warnings, *result.warnings),
        )
        try:
            kept = await self._outputs.keep(job, made)
        except PictureRefusedError as error:
            fault = ProviderFaultError(
                Fault.EMPTY_RESULT, f"the answer holds no usable picture: {error.message}", request_id=result.request_id
            )
            await self._failed(job, attempt, fault)
            raise fault from error
        except StorageError as error:
            # Paid and lost: asking again would pay again, so the job ends here and says so.
            lost = attempts.lost(attempt, self._clock.now(), code=error.code, message=str(error))
            await self._ledger.end_attempt(job, lost)
            raise StorageError(str(error), code=error.code, transient=False) from error
        answered = replace(attempt, model=result.model or attempt.model, provider_request_id=result.request_id)
        return replace(
            kept, attempt=attempts.succeeded(answered, self._clock.now())
        )  # recorded together with the end that it brings

    async def _failed(self, job: Job, attempt: Attempt, fault: ProviderFaultError) -> None:
        _log.warning("provider failed", provider=attempt.provider, fault=fault.fault.value, code=fault.code)
        await self._ledger.end_attempt(job, attempts.failed(attempt, fault, self._clock.now()))


def _open_ticket(job: Job, provider: Provider) -> Attempt | None:
    return next(
        (a for a in job.attempts if a.ended_at is None and a.ticket is not None and a.provider == provider.name), None
    )
