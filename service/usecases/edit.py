"""Editing one picture: from its source to a stored output, to the reason why there is none, or to a later try."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from service.domain import attempts
from service.domain.attempts import INTERRUPTED
from service.domain.decisions import Fail, FallBack, Policy, RetryAt, decide, may_ask_again, tried_until
from service.domain.faults import Fault, ProviderFaultError
from service.domain.jobs import Fallback, Job, JobError
from service.domain.pictures import PictureRefusedError
from service.domain.work import Again
from service.ports.clock import Clock
from service.ports.ledger import Ledger
from service.ports.provider import CallLaterError, Provider, Providers
from service.ports.storage import StorageError
from service.usecases.ask import AskProvider, Pending
from service.usecases.locally import EditLocally
from service.usecases.outputs import Kept, Outputs
from service.usecases.sources import LoadedSource, SourceError, Sources
from service.usecases.tasks import Tasks

_log = structlog.get_logger()
_AGAIN_SECONDS = 5.0  # until a source or the storage that was away is tried again; twice as long each time
_MOST_AGAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EditPolicy:
    """What an operator decides about editing.

    Attributes:
        retry: What each class of failure leads to.
        deadline: How long a job is tried when its caller gave no deadline, counted from its first start.
    """

    retry: Policy
    deadline: timedelta


class EditPicture:
    """Takes one picture as far as it goes now. What it leaves half done, another run finds and goes on with."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        sources: Sources,
        outputs: Outputs,
        providers: Providers,
        tasks: Tasks,
        ask: AskProvider,
        locally: EditLocally,
        clock: Clock,
        policy: EditPolicy,
    ) -> None:
        self._ledger = ledger
        self._sources = sources
        self._outputs = outputs
        self._providers = providers
        self._tasks = tasks
        self._ask = ask
        self._locally = locally
        self._clock = clock
        self._policy = policy

    async def __call__(self, job: Job) -> Kept | Again | JobError:
        """Edit, unless an earlier run has already stored the result.

        Raises:
            LeaseLostError: another worker has taken the job.
        """
        try:
            kept = await self._outputs.find(job) if job.run > 1 else None
            job = await self._settle(job, kept)
            return kept or await self._edit(job, await self._sources.load(job))
        except SourceError as error:
            return self._again(job, error.error, error.retry_after_seconds)
        except PictureRefusedError as error:
            return JobError(code=error.fault, message=error.message)
        except StorageError as error:
            return self._again(job, JobError(code="storage", message=str(error), retryable=error.transient))
        except RuntimeError:
            # The imaging workers' own trouble; it may pass, and must not keep the job for ever.
            _log.exception("editing failed")
            return self._again(
                job, JobError(code="internal_error", message="something went wrong here", retryable=True)
            )

    def _again(self, job: Job, error: JobError, wait_seconds: float | None = None) -> Again | JobError:
        now = self._clock.now()
        backoff = min(_AGAIN_SECONDS * 2.0 ** min(job.run - 1, 10), _MOST_AGAIN_SECONDS)
        again_at = now + timedelta(seconds=wait_seconds or backoff)
        return Again(again_at) if error.retryable and again_at < self._deadline(job, now) else error

    async def _settle(self, job: Job, kept: Kept | None) -> Job:
        """Say what became of calls that were out when an earlier worker stopped.

        The result that is stored is theirs. Without one their answer is lost, and their money may be.
        """
        settled = []
        for attempt in job.attempts:
            if attempt.ended_at is None and attempt.ticket is None:
                end = attempts.interrupted if kept is None else attempts.succeeded
                settled.append(end(attempt, self._clock.now()))
                await self._ledger.end_attempt(job, settled[-1])
            else:
                settled.append(attempt)
        return replace(job, attempts=tuple(settled))

    async def _edit(self, job: Job, source: LoadedSource) -> Kept | Again | JobError:
        try:
            provider = self._providers.choose(job.operation, job.provider)
        except LookupError as error:
            return JobError(code="unknown_provider", message=str(error))
        if not provider.capabilities.paid:
            return await self._locally.edit(job, source)
        if not may_ask_again(job.attempts, self._policy.retry):
            fault = ProviderFaultError(Fault.AMBIGUOUS, "the call was interrupted too often", code=INTERRUPTED)
            return await self._decide(job, provider, source, fault)
        task, warnings = await self._tasks.of(job, provider, source)
        try:
            asked = await self._ask(job, provider, task, warnings)
        except ProviderFaultError as fault:
            return await self._decide(job, provider, source, fault)
        except CallLaterError as later:
            return Again(later.due_at)
        return Again(asked.due_at) if isinstance(asked, Pending) else asked

    async def _decide(
        self, job: Job, provider: Provider, source: LoadedSource, fault: ProviderFaultError
    ) -> Kept | Again | JobError:
        now = self._clock.now()
        decision = decide(
            fault,
            attempts=job.attempts,
            now=now,
            deadline_at=self._deadline(job, now, asked=fault.called),
            models=provider.capabilities.models,
            retry_possibly_billed=job.retry_possibly_billed,
            jitter=random.random(),  # noqa: S311 - spreads retries, guards nothing
            policy=self._policy.retry,
        )
        _log.info(
            "provider failure decided", fault=fault.fault.value, code=fault.code, decision=type(decision).__name__
        )
        match decision:
            case RetryAt(at=at):
                return Again(at)
            case FallBack(reason=reason):
                why = Fallback(reason=reason, provider=provider.name, provider_code=fault.code)
                return await self._locally.fall_back(job, source, why)
            case Fail(code=code):
                return JobError(
                    code=code,
                    message=fault.message,
                    provider=provider.name,
                    provider_code=fault.code,
                    provider_request_id=fault.request_id,
                    moderation=fault.moderation,
                )

    def _deadline(self, job: Job, now: datetime, *, asked: bool = False) -> datetime:
        return tried_until(job, asked=asked, now=now, patience=self._policy.deadline)
