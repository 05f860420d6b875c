"""The ledger: each method one transaction and one fact."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from service.domain.deliveries import Delivery, DeliveryAttempt, DeliveryState
from service.domain.events import Event
from service.domain.jobs import Attempt, Ending, Job
from service.domain.work import Work, WorkKind
from service.ledger import accepting, deliveries, events, jobs, retention, running, transitions
from service.ledger.accepting import Acceptance
from service.ledger.database import Database
from service.ledger.facts import Fact, Facts
from service.ledger.feed import Feed
from service.ledger.gathering import Gathering, Singly
from service.ledger.joining import Kind
from service.ledger.transitions import Begin, Finish
from service.ports.engine import WorkQueue
from service.ports.ledger import Accepted, IdempotencyKey, JobQuery


class SqlLedger:
    """`Ledger` in a SQL database.

    Args:
        database: Runs the transactions.
        queue: Takes the work, inside the transaction that makes it necessary.
        feed: Tells who listens to a job; to be given where another ledger of the process writes events too.
    """

    def __init__(self, database: Database, *, queue: WorkQueue, feed: Feed | None = None) -> None:
        self._database = database
        self._feed = feed or Feed()
        self._facts = Facts(database, queue=queue, feed=self._feed)
        begins, ends = Kind(self._begin_each, self._begin), Kind(self._finish_each, self._finish)
        self._accepts = Singly(self._facts, Kind(self._accept_each, self._accept))
        self._begins: Singly[Begin, Job | None] | Gathering[Begin, Job | None]
        self._ends: Singly[Finish, bool] | Gathering[Finish, bool]
        if database.groups_commits:
            # Nothing comes of a beginning that the next run would not do again, until a later write takes it along.
            self._begins = Singly(self._facts, begins, lasting=False)
            self._ends = Singly(self._facts, ends)
        else:
            self._begins = Gathering(self._facts, begins)
            self._ends = Gathering(self._facts, ends)

    # accepting

    async def accept(self, job: Job, *, idempotency: IdempotencyKey | None = None) -> Accepted:
        """Record a job, its first event, its idempotency key and the work on it."""
        return await self._accepts.write(Acceptance(job, idempotency))

    async def find_accepted(self, tenant: str, key: str, *, now: datetime) -> Accepted | None:
        """The job that an idempotency key of the last 24 hours stands for."""
        return await self._facts.read(accepting.find, tenant, key, now=now)

    async def unfinished_count(self, tenant: str) -> int:
        """How many jobs of a tenant are queued or running."""
        return await self._facts.read(accepting.unfinished, tenant)

    def _accept(self, connection: Connection, acceptance: Acceptance) -> Fact[Accepted]:
        return self._accept_each(connection, [acceptance])[0]

    def _accept_each(self, connection: Connection, acceptances: Sequence[Acceptance]) -> Sequence[Fact[Accepted]]:
        facts = [
            Fact(accepted) if accepted.replayed else Fact(accepted, (_work_on(acceptance.job),), acceptance.job.id)
            for acceptance, accepted in zip(acceptances, accepting.record(connection, acceptances), strict=True)
        ]
        self._facts.deferred(connection, *(work for fact in facts for work in fact.work))
        return facts

    # running

    async def begin(self, job_id: str, *, now: datetime, work: Work | None = None) -> Job | None:
        """Take a job: raises its `run` number, makes a queued one running."""
        return await self._begins.write(Begin(job_id, now, work))

    async def confirm(self, job: Job) -> None:
        """Return if a worker still has an unfinished job."""

        def body(connection: Connection) -> None:
            running.confirm(connection, job)
            self._facts.check_held(connection, job.work)

        await self._facts.change(body)

    async def begin_attempt(self, job: Job, attempt: Attempt) -> None:
        """Record that a provider is about to be called; `LeaseLostError` too when the job has ended meanwhile."""

        def body(connection: Connection) -> None:
            running.begin_attempt(connection, job, attempt)
            self._facts.check_held(connection, job.work)

        await self._facts.change(body)

    async def withdraw_attempt(self, job: Job, attempt: Attempt) -> None:
        """Record that a call which was about to be made was not, whoever has the job now."""
        await self._facts.change(running.withdraw_attempt, job, attempt)

    async def end_attempt(self, job: Job, attempt: Attempt) -> None:
        """Record how a call of a provider ended."""
        await self._facts.change(running.end_attempt, job, attempt)

    async def keep_ticket(self, job: Job, number: int, ticket: Mapping[str, Any]) -> None:
        """Record what a provider gave in place of a result."""
        values = {"ticket": ticket}
        await self._facts.change(running.change_attempt, job, number, values)

    async def finish(self, job: Job, ending: Ending, delivery: Delivery | None) -> bool:
        """Record the final state, its event, its callback and the work on that."""
        return await self._ends.write(Finish(job, ending, delivery))

    async def schedule(self, work: Work) -> None:
        """Queue work that belongs to no job."""
        await self._facts.write(lambda connection: Fact(None, self._facts.deferred(connection, work)))

    def _begin(self, connection: Connection, begin: Begin) -> Fact[Job | None]:
        job = running.begin(connection, begin.job_id, begin.now)
        self._facts.check_held(connection, begin.work)
        return Fact(job and replace(job, work=begin.work), job_id=begin.job_id)

    def _begin_each(self, connection: Connection, begins: Sequence[Begin]) -> Sequence[Fact[Job | None] | None]:
        begun = transitions.begin(connection, begins, holds=self._facts.holds)
        return [Fact(job, job_id=job.id) if job else None for job in begun]

    def _finish(self, connection: Connection, end: Finish) -> Fact[bool]:
        if not running.finish(connection, end.job, end.ending, end.delivery):
            return Fact(False)
        return Fact(True, self._facts.deferred(connection, *_messages(end)), end.job.id)

    def _finish_each(self, connection: Connection, ends: Sequence[Finish]) -> Sequence[Fact[bool] | None]:
        finished = list(zip(ends, transitions.finish(connection, ends), strict=True))
        self._facts.deferred(connection, *(work for end, done in finished if done for work in _messages(end)))
        return [Fact(True, _messages(end), end.job.id) if done else None for end, done in finished]

    # asking and canceling

    async def job(self, tenant: str | None, job_id: str) -> Job | None:
        """One job with its attempts."""
        return await self._facts.read(jobs.find, tenant, job_id)

    async def jobs(self, query: JobQuery) -> Sequence[Job]:
        """A page of jobs without their attempts."""
        return await self._facts.read(jobs.page, query)

    async def queue_position(self, job_id: str) -> int | None:
        """How many queued jobs go first."""
        return await self._facts.read(jobs.queue_position, job_id)

    async def request_cancel(self, tenant: str, job_id: str, *, now: datetime) -> Job | None:
        """Note that a job shall end."""
        return await self._facts.change(jobs.request_cancel, tenant, job_id, now)

    async def events(self, job_id: str, *, after: int, limit: int) -> Sequence[Event]:
        """Events of a job numbered above `after`."""
        return await self._facts.read(events.after, job_id, after, limit)

    @asynccontextmanager
    async def changes(self, job_id: str) -> AsyncIterator[AsyncIterator[None]]:
        """An iterator that yields after later events of a job; events close together may share one."""
        with self._feed.listen(job_id) as changes:
            yield changes

    # delivering

    async def delivery(self, tenant: str | None, delivery_id: str) -> Delivery | None:
        """One message with its attempts."""
        return await self._facts.read(deliveries.find, tenant, delivery_id)

    async def deliveries(self, tenant: str, job_id: str) -> Sequence[Delivery]:
        """The messages of a job with their attempts, oldest first."""
        return await self._facts.read(deliveries.of_job, tenant, job_id)

    async def record_delivery(
        self, delivery: Delivery, attempt: DeliveryAttempt, *, state: DeliveryState, next_attempt_at: datetime | None
    ) -> None:
        """Record one attempt, under the next number, and what follows from it."""
        await self._facts.change(deliveries.record, delivery, attempt, state, next_attempt_at)

    async def redeliver(self, tenant: str, delivery_id: str, *, now: datetime) -> Delivery | None:
        """Start a message's schedule anew, due now, with the same id and bytes."""

        def body(connection: Connection) -> Fact[Delivery | None]:
            delivery = deliveries.restart(connection, tenant, delivery_id, now)
            return Fact(delivery, () if delivery is None else self._facts.deferred(connection, _sending(delivery, now)))

        return await self._facts.write(body)

    # retention

    async def expired(self, *, now: datetime, limit: int) -> Sequence[Job]:
        """Finished jobs whose pictures are to be removed."""
        return await self._facts.read(retention.expired, now, limit)

    async def expire(self, job_id: str, *, now: datetime) -> None:
        """Record that a job's pictures are gone."""
        await self._facts.change(retention.expire, job_id, now)

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Remove jobs whose pictures were removed before a moment; returns how many."""
        return await self._facts.change(retention.prune, before, limit)

    # watching

    async def counts(self) -> Mapping[str, int]:
        """Jobs and deliveries on their way: ``job_queued``, ``job_running`` and ``delivery_pending``."""
        return await self._facts.read(retention.counts)

    async def oldest_pending_delivery(self) -> datetime | None:
        """When the oldest undelivered message was created."""
        return await self._facts.read(retention.oldest_pending_delivery)

    async def ping(self) -> None:
        """Raise `LedgerUnavailableError` unless the database answers and has the tables.

        Whether their columns are those of this version was checked before: processes that run go on while the next
        version's migrations are under way.
        """
        await self._facts.read(jobs.find, None, "")

    async def close(self) -> None:
        """Commit what is pending and release the database."""
        await self._begins.settle()
        await self._ends.settle()
        await self._database.close()


def _work_on(job: Job) -> Work:
    return Work(kind=WorkKind.JOB, ref=job.id, due_at=job.created_at, priority=job.priority)


def _messages(end: Finish) -> tuple[Work, ...]:
    return () if end.delivery is None else (_sending(end.delivery, end.ending.finished_at),)


def _sending(delivery: Delivery, due_at: datetime) -> Work:
    return Work(kind=WorkKind.DELIVERY, ref=delivery.id, due_at=due_at)
