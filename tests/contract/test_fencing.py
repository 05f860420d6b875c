"""What a worker is refused from the moment at which another has taken its work over, come to the job yet or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from service.domain.jobs import Job
from service.domain.work import Work, WorkKind
from service.engine.entries import work_of
from service.engine.procrastinate import ProcrastinateEngine
from service.engine.queue import Queue
from service.ledger.batch_ledger import SqlBatchLedger
from service.ledger.feed import Feed
from service.ledger.ledger import SqlLedger
from service.ledger.postgres import PostgresDatabase
from service.ledger.postgres_connections import connection_parameters
from service.ports.ledger import LeaseLostError
from tests.contract.batch_suite import a_batch, a_batch_job, narrowed, picture
from tests.contract.ledger_suite import SystemClock, a_job, an_attempt, an_ending
from tests.contract.racing import gate, row, waiting


@dataclass
class Worker:
    """One process: its queue, and the ledgers as it has them open."""

    queue: Queue
    ledger: SqlLedger
    batches: SqlBatchLedger

    async def take(self, kind: WorkKind) -> Work:
        """Take the work of a kind that is due."""
        (entry,) = await self.queue.take(kind)
        return work_of(entry, now=_now())

    async def take_over(self, kind: WorkKind) -> Work:
        """Take the work of a kind from whoever has it, as a watch does that thinks it dead."""
        for entry in await self.queue.abandoned(silent_seconds=0):
            if entry.queue == kind.value:
                assert await self.queue.put_back(entry, due_at=None)
        return await self.take(kind)


@pytest.fixture
async def workers(fleet_url: str) -> AsyncIterator[Sequence[Worker]]:
    async with AsyncExitStack() as stack:

        async def worker() -> Worker:
            queue = Queue(connection_parameters(fleet_url))
            await queue.open()
            stack.push_async_callback(queue.close)
            await queue.enlist()
            engine = ProcrastinateEngine(queue=queue, clock=SystemClock(), concurrency={})
            database, feed = PostgresDatabase(fleet_url, connections=4), Feed()
            stack.push_async_callback(database.close)
            return Worker(
                queue, SqlLedger(database, queue=engine, feed=feed), SqlBatchLedger(database, queue=engine, feed=feed)
            )

        yield [await worker(), await worker()]


def _now() -> datetime:
    return datetime.now(UTC)


async def begun(worker: Worker, work: Work) -> Job:
    job = await worker.ledger.begin(work.ref, now=_now(), work=work)
    assert job is not None
    return job


async def as_it_stands(worker: Worker, job_id: str) -> Job:
    job = await worker.ledger.job(None, job_id)
    assert job is not None
    return job


class TestJobs:
    async def test_are_not_begun_by_who_has_lost_the_work(self, workers: Sequence[Worker]) -> None:
        stale, other = workers
        await stale.ledger.accept(a_job())
        lost = await stale.take(WorkKind.JOB)
        taken = await other.take_over(WorkKind.JOB)
        with pytest.raises(LeaseLostError):
            await begun(stale, lost)
        assert (await as_it_stands(stale, lost.ref)).run == 0
        assert (await begun(other, taken)).run == 1
        with pytest.raises(LeaseLostError):
            await begun(stale, lost)
        assert (await as_it_stands(stale, lost.ref)).run == 1

    async def test_are_not_taken_back_by_who_lost_the_work_while_it_waited_for_the_row(
        self, workers: Sequence[Worker], fleet_url: str
    ) -> None:
        stale, other = workers
        await stale.ledger.accept(a_job())
        lost = await stale.take(WorkKind.JOB)
        with gate(fleet_url, row("jobs", lost.ref)):
            late = asyncio.ensure_future(begun(stale, lost))
            await waiting(fleet_url, 1)
            taken = await other.take_over(WorkKind.JOB)
            mine = asyncio.ensure_future(begun(other, taken))
            await waiting(fleet_url, 2)
        with pytest.raises(LeaseLostError):
            await late
        job = await mine
        assert await other.ledger.finish(job, an_ending(), None)

    async def test_are_not_asked_for_by_who_has_lost_the_work_even_before_another_begins(
        self, workers: Sequence[Worker]
    ) -> None:
        stale, other = workers
        await stale.ledger.accept(a_job())
        job = await begun(stale, await stale.take(WorkKind.JOB))
        await stale.ledger.confirm(job)
        await other.take_over(WorkKind.JOB)
        with pytest.raises(LeaseLostError):
            await stale.ledger.confirm(job)
        with pytest.raises(LeaseLostError):
            await stale.ledger.begin_attempt(job, an_attempt())
        assert (await as_it_stands(stale, job.id)).attempts == ()

    async def test_say_of_a_call_that_was_not_made_that_it_was_not_whoever_has_them(
        self, workers: Sequence[Worker]
    ) -> None:
        stale, other = workers
        await stale.ledger.accept(a_job())
        job = await begun(stale, await stale.take(WorkKind.JOB))
        await stale.ledger.begin_attempt(job, an_attempt())
        taken = await begun(other, await other.take_over(WorkKind.JOB))
        lost = an_attempt(ended_at=_now(), outcome="ambiguous", code="interrupted", possibly_billed=True)
        await other.ledger.end_attempt(taken, lost)
        await other.ledger.finish(taken, an_ending(), None)
        withheld = replace(lost, outcome="unreachable", code="withheld", possibly_billed=False)
        await stale.ledger.withdraw_attempt(job, withheld)
        after = await as_it_stands(other, job.id)
        assert after.attempts == (withheld,)
        assert after.output == an_ending().output


class TestStreams:
    async def test_are_worked_on_by_who_has_them_alone(self, workers: Sequence[Worker]) -> None:
        stale, other = workers
        job = a_batch_job()
        await stale.batches.accept_batch(job, a_batch(job))
        job = await begun(stale, await stale.take(WorkKind.JOB))
        found = [picture(f"{number}.jpg") for number in range(4)]
        await stale.batches.add_items(job, found, cursor=None, listed=True, extension="png", now=_now())
        lost = await stale.take(WorkKind.SHARD)
        before = await stale.batches.take_items(job.id, 0, after=None, limit=2, now=_now(), work=lost)
        mine = [replace(narrowed(job, item), work=lost) for item in before.items]
        assert len(mine) == 2
        await stale.ledger.begin_attempt(mine[0], an_attempt())
        taken = await other.take_over(WorkKind.SHARD)
        with pytest.raises(LeaseLostError):
            await stale.batches.take_items(job.id, 0, after=before.place, limit=2, now=_now(), work=lost)
        for one, number in zip(mine, (2, 1), strict=True):  # nobody else has come to these yet
            with pytest.raises(LeaseLostError):
                await stale.ledger.begin_attempt(one, an_attempt(number))
        after = await other.batches.take_items(job.id, 0, after=None, limit=9, now=_now(), work=taken)
        assert [(item.number, item.run) for item in after.items] == [(1, 2), (2, 2), (3, 1), (4, 1)]

    async def test_are_not_taken_back_by_who_lost_them_while_it_waited_for_the_row(
        self, workers: Sequence[Worker], fleet_url: str
    ) -> None:
        stale, other = workers
        job = a_batch_job()
        await stale.batches.accept_batch(job, a_batch(job))
        job = await begun(stale, await stale.take(WorkKind.JOB))
        await stale.batches.add_items(job, [picture("1.jpg")], cursor=None, listed=True, extension="png", now=_now())
        lost = await stale.take(WorkKind.SHARD)
        with gate(fleet_url, row("jobs", job.id)):
            late = asyncio.ensure_future(
                stale.batches.take_items(job.id, 0, after=None, limit=2, now=_now(), work=lost)
            )
            await waiting(fleet_url, 1)
            taken = await other.take_over(WorkKind.SHARD)
            mine = asyncio.ensure_future(
                other.batches.take_items(job.id, 0, after=None, limit=2, now=_now(), work=taken)
            )
            await waiting(fleet_url, 2)
        with pytest.raises(LeaseLostError):
            await late
        assert [item.run for item in (await mine).items] == [1]
