"""The seam to the database of jobs, deliveries and events.

One method is one transaction and one fact. Writing methods return when the fact is durable. A worker's writes carry
the `run` number under which it took the job; when another worker has taken the job since, they raise `LeaseLostError`
and change nothing. What leads to something new, a run or a call, is refused as well when another worker has taken over
the work that the job was taken for, and has not come to the job yet.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from service.domain.deliveries import Delivery, DeliveryAttempt, DeliveryState
from service.domain.events import Event
from service.domain.jobs import Attempt, Ending, Job, JobStatus
from service.domain.work import Work


class LedgerUnavailableError(Exception):
    """The database cannot be reached or written to now."""


class LeaseLostError(Exception):
    """Another worker has taken the job; stop without a further call or write."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's Idempotency-Key with the digest of the request it came with."""

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job that now stands for a request; `replayed` when it already stood. `fingerprint` is the stored one."""

    job_id: str
    replayed: bool
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """Which jobs to list, newest first. `cursor` is the id of the last job of the page before."""

    tenant: str
    status: JobStatus | None = None
    operation: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    cursor: str | None = None
    limit: int = 50


class Ledger(Protocol):
    """Keeps what must not be lost. Methods raise `LedgerUnavailableError` when the database is away."""

    # accepting

    async def accept(self, job: Job, *, idempotency: IdempotencyKey | None = None) -> Accepted:
        """Record a job, its first event, its idempotency key and the work on it."""
        ...

    async def find_accepted(self, tenant: str, key: str, *, now: datetime) -> Accepted | None:
        """The job that an idempotency key of the last 24 hours stands for."""
        ...

    async def unfinished_count(self, tenant: str) -> int:
        """How many jobs of a tenant are queued or running."""
        ...

    # running

    async def begin(self, job_id: str, *, now: datetime, work: Work | None = None) -> Job | None:
        """Take a job: raises its `run` number, makes a queued one running. None when there is no such job.

        A finished job is returned as it is.

        Args:
            work: What a worker was given; without it nobody is asked whether the worker still has it.

        Raises:
            LeaseLostError: it has not.
        """
        ...

    async def confirm(self, job: Job) -> None:
        """Return if a worker still has an unfinished job.

        Raises:
            LeaseLostError: it has not.
        """
        ...

    async def begin_attempt(self, job: Job, attempt: Attempt) -> None:
        """Record that a provider is about to be called, before it is."""
        ...

    async def withdraw_attempt(self, job: Job, attempt: Attempt) -> None:
        """Record that a call which was about to be made was not, and never will be.

        That is true whoever has the job now: this one write is not held against the run.
        """
        ...

    async def end_attempt(self, job: Job, attempt: Attempt) -> None:
        """Record how a call of a provider ended."""
        ...

    async def keep_ticket(self, job: Job, number: int, ticket: Mapping[str, Any]) -> None:
        """Record what a provider gave in place of a result, before anybody waits for it."""
        ...

    async def finish(self, job: Job, ending: Ending, delivery: Delivery | None) -> bool:
        """Record the final state, its event, its callback and the work on that. False when it was final already.

        The end of the ending's attempt is recorded in any case.
        """
        ...

    async def schedule(self, work: Work) -> None:
        """Queue work that belongs to no job, such as housekeeping; there already is no error."""
        ...

    # asking and canceling

    async def job(self, tenant: str | None, job_id: str) -> Job | None:
        """One job with its attempts; None when it does not exist or belongs to another tenant."""
        ...

    async def jobs(self, query: JobQuery) -> Sequence[Job]:
        """A page of jobs without their attempts."""
        ...

    async def queue_position(self, job_id: str) -> int | None:
        """How many queued jobs go first; 0 is next. None when the job is not queued."""
        ...

    async def request_cancel(self, tenant: str, job_id: str, *, now: datetime) -> Job | None:
        """Note that a job shall end; returns it as it stands after that."""
        ...

    async def events(self, job_id: str, *, after: int, limit: int) -> Sequence[Event]:
        """Events of a job numbered above `after`."""
        ...

    def changes(self, job_id: str) -> AbstractAsyncContextManager[AsyncIterator[None]]:
        """An iterator that yields once after every later event of a job; spurious yields are allowed."""
        ...

    # delivering

    async def delivery(self, tenant: str | None, delivery_id: str) -> Delivery | None:
        """One message with its attempts."""
        ...

    async def deliveries(self, tenant: str, job_id: str) -> Sequence[Delivery]:
        """The messages of a job with their attempts, oldest first."""
        ...

    async def record_delivery(
        self, delivery: Delivery, attempt: DeliveryAttempt, *, state: DeliveryState, next_attempt_at: datetime | None
    ) -> None:
        """Record one attempt and what follows from it."""
        ...

    async def redeliver(self, tenant: str, delivery_id: str, *, now: datetime) -> Delivery | None:
        """Start a message's schedule anew, due now, with the same id and bytes."""
        ...

    # retention

    async def expired(self, *, now: datetime, limit: int) -> Sequence[Job]:
        """Finished jobs whose pictures are to be removed, oldest first; none whose callback is still on its way."""
        ...

    async def expire(self, job_id: str, *, now: datetime) -> None:
        """Record that a job's pictures are gone: sets `removed_at`, the status stays."""
        ...

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Remove jobs whose pictures were removed before a moment, with all that belongs to them; returns how many.

        Of large batches the items go first, in portions: those are counted too, up to the limit.
        """
        ...

    # watching

    async def counts(self) -> Mapping[str, int]:
        """Jobs and deliveries on their way: ``job_queued``, ``job_running`` and ``delivery_pending``.

        What has ended is not counted: it grows without end, and how it ended is told when it does.
        """
        ...

    async def oldest_pending_delivery(self) -> datetime | None:
        """When the oldest undelivered message was created."""
        ...

    async def ping(self) -> None:
        """Raise `LedgerUnavailableError` unless the database answers and has the tables."""
        ...

    async def close(self) -> None:
        """Commit what is pending and release the database."""
        ...
