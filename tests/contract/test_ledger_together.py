"""Jobs that begin and end at the same moment: written down together, and each as if it were alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from service.domain.jobs import Job, JobStatus
from service.domain.work import WorkKind
from service.ledger.ledger import SqlLedger
from service.ports.ledger import LeaseLostError
from tests.contract.batch_suite import BatchHome
from tests.contract.ledger_suite import (
    NOW,
    LedgerHome,
    LedgerSuite,
    a_delivery,
    a_failure,
    a_job,
    an_attempt,
    an_ending,
    home_at,
)
from tests.contract.racing import RaceSuite, gate, row, waiting

LATER = NOW + timedelta(minutes=5)


async def accepted(ledger: SqlLedger, count: int) -> Sequence[Job]:
    jobs = [a_job() for _ in range(count)]
    await asyncio.gather(*map(ledger.accept, jobs))
    return jobs


class TestBeginning(LedgerSuite):
    async def test_each_has_its_moment_its_run_and_its_event(self, home: LedgerHome) -> None:
        jobs = await accepted(home.ledger, 20)
        moments = [NOW + timedelta(seconds=number) for number in range(len(jobs))]
        begun = await asyncio.gather(
            *(home.ledger.begin(job.id, now=moment) for job, moment in zip(jobs, moments, strict=True))
        )
        for job, moment, taken in zip(jobs, moments, begun, strict=True):
            assert taken == replace(job, status=JobStatus.RUNNING, run=1, started_at=moment)
            assert await home.ledger.job(None, job.id) == taken
            events = await home.ledger.events(job.id, after=1, limit=10)
            assert [(event.sequence, event.type, event.at) for event in events] == [(2, "job.running", moment)]

    async def test_what_is_not_to_be_begun_is_so_among_others(self, home: LedgerHome) -> None:
        fresh, again = await accepted(home.ledger, 1), await home.begun()
        await home.ledger.begin_attempt(again, an_attempt(1))
        ended, _ = await home.finished()
        ids = [fresh[0].id, again.id, ended.id, "job_none"]
        begun = await asyncio.gather(*(home.ledger.begin(job_id, now=LATER) for job_id in ids))
        assert [job and (job.run, job.status, job.started_at, len(job.attempts)) for job in begun] == [
            (1, JobStatus.RUNNING, LATER, 0),
            (2, JobStatus.RUNNING, NOW, 1),
            (1, JobStatus.SUCCEEDED, NOW, 0),
            None,
        ]
        assert [event.sequence for event in await home.ledger.events(again.id, after=0, limit=9)] == [1, 2]

    async def test_the_same_job_is_begun_as_often_as_it_is_asked_for(self, home: LedgerHome) -> None:
        job = a_job()
        await home.ledger.accept(job)
        begun = await asyncio.gather(*(home.ledger.begin(job.id, now=NOW) for _ in range(5)))
        assert sorted(taken.run for taken in begun if taken) == [1, 2, 3, 4, 5]


class TestFinishing(LedgerSuite):
    async def test_each_has_its_end_its_event_its_message_and_its_attempt(self, home: LedgerHome) -> None:
        jobs = [await home.begun(warnings=(f"known-{number}",)) for number in range(12)]
        for job in jobs[:6]:
            await home.ledger.begin_attempt(job, an_attempt(1))
        tried = an_attempt(1, ended_at=LATER, outcome="succeeded")
        endings = [an_ending(cost_usd=number, warnings=("new",)) for number in range(12)]
        endings[:6] = [replace(ending, attempt=tried) for ending in endings[:6]]
        deliveries = [a_delivery(job) if number % 2 else None for number, job in enumerate(jobs)]
        ends = map(home.ledger.finish, jobs, endings, deliveries)
        assert await asyncio.gather(*ends) == [True] * 12
        for number, (job, delivery) in enumerate(zip(jobs, deliveries, strict=True)):
            read = await home.ledger.job(None, job.id)
            assert read is not None
            assert (read.status, read.cost_usd, read.warnings) == (
                JobStatus.SUCCEEDED,
                number,
                (f"known-{number}", "new"),
            )
            assert read.attempts == ((tried,) if number < 6 else ())
            assert [event.type for event in await home.ledger.events(job.id, after=2, limit=9)] == ["job.succeeded"]
            assert await home.ledger.deliveries("acme", job.id) == ([delivery] if delivery else [])
        wanted = sorted(delivery.id for delivery in deliveries if delivery)
        assert sorted(work.ref for work in await home.work(WorkKind.DELIVERY)) == wanted

    async def test_who_lost_a_job_changes_nothing_and_keeps_nobody_from_ending_his(self, home: LedgerHome) -> None:
        lost, kept, canceled = [await home.begun() for _ in range(3)]
        await home.ledger.begin(lost.id, now=LATER)
        await home.ledger.finish(canceled, a_failure(status=JobStatus.CANCELED), None)
        before = await home.ledger.job(None, lost.id)
        jobs = (lost, kept, canceled, a_job())
        ended = await asyncio.gather(
            *(home.ledger.finish(job, an_ending(), a_delivery(job)) for job in jobs), return_exceptions=True
        )
        assert ended[1:3] == [True, False]
        assert [type(each) for each in (ended[0], ended[3])] == [LeaseLostError] * 2
        assert await home.ledger.job(None, lost.id) == before
        [delivery] = await home.work(WorkKind.DELIVERY)
        assert [message.id for message in await home.ledger.deliveries("acme", kept.id)] == [delivery.ref]

    async def test_an_end_that_cannot_be_written_keeps_no_other_from_being_so(self, home: LedgerHome) -> None:
        _, taken = await home.finished()
        bad, *good = [await home.begun() for _ in range(4)]
        ended = await asyncio.gather(
            home.ledger.finish(bad, an_ending(), replace(taken, job_id=bad.id)),
            *(home.ledger.finish(job, an_ending(), a_delivery(job)) for job in good),
            return_exceptions=True,
        )
        assert isinstance(ended[0], IntegrityError)
        assert ended[1:] == [True] * 3
        read = await home.ledger.job(None, bad.id)
        assert read is not None
        assert not read.finished

    async def test_who_listens_is_told_of_each(self, home: LedgerHome) -> None:
        first, second = [await home.begun() for _ in range(2)]
        async with asyncio.timeout(30), home.ledger.changes(first.id) as one, home.ledger.changes(second.id) as other:
            await asyncio.gather(*(home.ledger.finish(job, an_ending(), None) for job in (first, second)))
            await anext(one)
            await anext(other)


class TestLettingGo(LedgerSuite):
    async def test_a_canceled_caller_is_let_go_once_it_is_known_what_became_of_the_job(self, home: LedgerHome) -> None:
        jobs = await accepted(home.ledger, 5)
        taking = [asyncio.create_task(home.ledger.begin(job.id, now=NOW)) for job in jobs]
        await asyncio.sleep(0)
        taking[2].cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking[2]
        read = await home.ledger.job(None, jobs[2].id)
        assert read is not None
        assert read.status is JobStatus.RUNNING
        others = await asyncio.gather(*taking[:2], *taking[3:])
        assert [job.id for job in others if job] == [job.id for job in jobs if job is not jobs[2]]

    async def test_closing_writes_down_what_came_before(self, home: LedgerHome, where: str) -> None:
        jobs = await accepted(home.ledger, 50)
        taking = [asyncio.create_task(home.ledger.begin(job.id, now=NOW)) for job in jobs]
        await asyncio.sleep(0)
        await home.ledger.close()
        assert len(await asyncio.gather(*taking)) == 50
        async with home_at(where) as later:
            for job in jobs:
                read = await later.ledger.job(None, job.id)
                assert read is not None
                assert read.status is JobStatus.RUNNING


class TestOnPostgres(RaceSuite):
    async def test_what_comes_at_once_is_one_transaction(self, fleet: Sequence[BatchHome]) -> None:
        home = fleet[0].home
        jobs = await accepted(home.ledger, 10)
        begun = await asyncio.gather(*(home.ledger.begin(job.id, now=NOW) for job in jobs))
        by_transaction = text("SELECT count(DISTINCT xmin::text) FROM jobs")
        assert await home.database.read(lambda connection: connection.scalar(by_transaction)) == 1
        await asyncio.gather(*(home.ledger.finish(job, an_ending(), None) for job in begun if job))
        assert await home.database.read(lambda connection: connection.scalar(by_transaction)) == 1

    async def test_a_job_that_somebody_else_holds_keeps_no_other_waiting(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        home = fleet[0].home
        held, *others = await accepted(home.ledger, 9)
        async with asyncio.timeout(60):
            with gate(postgres_url, row("jobs", held.id)):
                taking = asyncio.create_task(home.ledger.begin(held.id, now=NOW))
                begun = await asyncio.gather(*(home.ledger.begin(job.id, now=NOW) for job in others))
                await waiting(postgres_url, 1)
                assert await asyncio.gather(*(home.ledger.finish(job, an_ending(), None) for job in begun if job)) == (
                    [True] * 8
                )
                assert not taking.done()
            taken = await taking
        assert taken is not None
        assert taken.run == 1
