"""Running: taking a job, what a worker records under its run, and the end."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from datetime import timedelta

import pytest

from service.domain.jobs import JobStatus
from service.domain.work import Work, WorkKind
from service.ports.ledger import JobQuery, LeaseLostError
from tests.contract.ledger_suite import (
    NOW,
    LedgerHome,
    LedgerSuite,
    a_delivery,
    a_failure,
    a_job,
    an_attempt,
    an_ending,
)

LATER = NOW + timedelta(minutes=5)


class TestTaking(LedgerSuite):
    async def test_taking_makes_a_job_running_once_and_counts_the_runs(self, home: LedgerHome) -> None:
        job = await home.begun()
        again = await home.ledger.begin(job.id, now=LATER)
        assert again is not None
        assert (job.status, job.run, job.started_at) == (JobStatus.RUNNING, 1, NOW)
        assert (again.status, again.run, again.started_at) == (JobStatus.RUNNING, 2, NOW)
        kinds = [event.type for event in await home.ledger.events(job.id, after=0, limit=10)]
        assert kinds == ["job.queued", "job.running"]

    async def test_a_job_that_is_taken_brings_its_attempts(self, home: LedgerHome) -> None:
        job = await home.begun()
        await home.ledger.begin_attempt(job, an_attempt(1))
        again = await home.ledger.begin(job.id, now=LATER)
        assert again is not None
        assert again.attempts == (an_attempt(1),)

    async def test_a_finished_job_is_returned_as_it_is(self, home: LedgerHome) -> None:
        job, _ = await home.finished()
        again = await home.ledger.begin(job.id, now=LATER)
        assert again is not None
        assert (again.status, again.run) == (JobStatus.SUCCEEDED, 1)

    async def test_no_job_cannot_be_taken(self, home: LedgerHome) -> None:
        assert await home.ledger.begin("job_none", now=NOW) is None


class TestAttempts(LedgerSuite):
    async def test_an_attempt_is_there_before_and_after_the_call(self, home: LedgerHome) -> None:
        job = await home.begun()
        begun = an_attempt(1)
        await home.ledger.begin_attempt(job, begun)
        read = await home.ledger.job(None, job.id)
        assert read is not None
        assert read.attempts == (begun,)
        ended = replace(
            begun, ended_at=LATER, outcome="ambiguous", code="cut", message="m", http_status=502, possibly_billed=True
        )
        await home.ledger.end_attempt(job, ended)
        await home.ledger.begin_attempt(job, an_attempt(2))
        read = await home.ledger.job(None, job.id)
        assert read is not None
        assert read.attempts == (ended, an_attempt(2))

    async def test_a_ticket_is_kept(self, home: LedgerHome) -> None:
        job = await home.begun()
        await home.ledger.begin_attempt(job, an_attempt(1))
        await home.ledger.keep_ticket(job, 1, {"id": "t", "state": {"n": 1}})
        read = await home.ledger.job(None, job.id)
        assert read is not None
        assert read.attempts[0].ticket == {"id": "t", "state": {"n": 1}}

    async def test_warnings_of_acceptance_and_end_are_kept_once_each(self, home: LedgerHome) -> None:
        job = await home.begun(warnings=("a", "b"))
        await home.ledger.finish(job, an_ending(warnings=("b", "c")), None)
        read = await home.ledger.job(None, job.id)
        assert read is not None
        assert read.warnings == ("a", "b", "c")


class TestFencing(LedgerSuite):
    async def test_who_lost_the_job_cannot_write(self, home: LedgerHome) -> None:
        lost = await home.begun()
        await home.ledger.begin_attempt(lost, an_attempt(1))
        await home.ledger.begin(lost.id, now=LATER)
        before = await home.ledger.job(None, lost.id)
        for write in (
            home.ledger.begin_attempt(lost, an_attempt(2)),
            home.ledger.end_attempt(lost, an_attempt(1, ended_at=LATER, outcome="succeeded")),
            home.ledger.keep_ticket(lost, 1, {"id": "t"}),
            home.ledger.finish(lost, an_ending(), a_delivery(lost)),
        ):
            with pytest.raises(LeaseLostError):
                await write
        assert await home.ledger.job(None, lost.id) == before
        assert await home.work(WorkKind.DELIVERY) == []

    async def test_a_job_that_does_not_exist_is_lost(self, home: LedgerHome) -> None:
        with pytest.raises(LeaseLostError):
            await home.ledger.finish(a_job(), an_ending(), None)

    async def test_no_call_begins_for_a_job_that_has_ended_but_one_that_was_out_is_recorded(
        self, home: LedgerHome
    ) -> None:
        job = await home.begun()
        await home.ledger.begin_attempt(job, an_attempt(1))
        await home.ledger.finish(job, a_failure(status=JobStatus.CANCELED), None)
        with pytest.raises(LeaseLostError):
            await home.ledger.begin_attempt(job, an_attempt(2))
        ended = an_attempt(1, ended_at=LATER, outcome="ambiguous", possibly_billed=True)
        await home.ledger.end_attempt(job, ended)
        read = await home.ledger.job(None, job.id)
        assert read is not None
        assert read.attempts == (ended,)


class TestFinishing(LedgerSuite):
    async def test_the_attempt_that_brought_the_end_ends_with_it(self, home: LedgerHome) -> None:
        job = await home.begun()
        await home.ledger.begin_attempt(job, an_attempt(1))
        ended = an_attempt(1, ended_at=LATER, outcome="succeeded")
        assert await home.ledger.finish(job, an_ending(finished_at=LATER, attempt=ended), None)
        read = await home.ledger.job(None, job.id)
        assert read is not None
        assert read.attempts == (ended,)

    async def test_an_end_from_outside_does_not_hide_the_attempt(self, home: LedgerHome) -> None:
        job = await home.begun()
        await home.ledger.begin_attempt(job, an_attempt(1))
        assert await home.ledger.finish(job, an_ending(status=JobStatus.CANCELED, output=None), None)
        ended = an_attempt(1, ended_at=LATER, outcome="succeeded")
        assert not await home.ledger.finish(job, an_ending(finished_at=LATER, attempt=ended), None)
        read = await home.ledger.job(None, job.id)
        assert read is not None
        assert (read.status, read.attempts) == (JobStatus.CANCELED, (ended,))

    async def test_the_end_its_event_its_message_and_the_work_come_together(self, home: LedgerHome) -> None:
        job = await home.begun()
        delivery, ending = a_delivery(job), an_ending(finished_at=LATER)
        assert await home.ledger.finish(job, ending, delivery)
        read = await home.ledger.job("acme", job.id)
        assert read is not None
        for name in ("status", "finished_at", "expires_at", "output", "usage", "cost_usd", "progress"):
            assert getattr(read, name) == getattr(ending, name)
        events = await home.ledger.events(job.id, after=2, limit=10)
        said = {"status": "succeeded"} | asdict(ending.progress)
        assert [(event.sequence, event.type, event.data) for event in events] == [(3, "job.succeeded", said)]
        assert await home.ledger.deliveries("acme", job.id) == [delivery]
        assert await home.work(WorkKind.DELIVERY) == [Work(kind=WorkKind.DELIVERY, ref=delivery.id, due_at=LATER)]

    async def test_a_failure_says_why_in_its_event(self, home: LedgerHome) -> None:
        job = await home.begun()
        await home.ledger.finish(job, a_failure(), None)
        [event] = await home.ledger.events(job.id, after=2, limit=1)
        assert (event.data["status"], event.data["error_code"]) == ("failed", "moderated")

    async def test_a_job_ends_once(self, home: LedgerHome) -> None:
        job = await home.begun()
        ends = [home.ledger.finish(job, an_ending(), a_delivery(job)) for _ in range(10)]
        assert sorted(await asyncio.gather(*ends)) == [False] * 9 + [True]
        assert len(await home.ledger.deliveries("acme", job.id)) == 1

    async def test_a_queued_job_can_end(self, home: LedgerHome) -> None:
        job = a_job()
        await home.ledger.accept(job)
        assert await home.ledger.finish(job, a_failure(status=JobStatus.CANCELED), None)
        assert await home.ledger.unfinished_count("acme") == 0


class TestScheduling(LedgerSuite):
    async def test_work_without_a_job_is_kept_once(self, home: LedgerHome) -> None:
        work = Work(kind=WorkKind.HOUSEKEEPING, ref="prune", due_at=LATER)
        await home.ledger.schedule(work)
        await home.ledger.schedule(replace(work, due_at=NOW))
        assert await home.work(WorkKind.HOUSEKEEPING) == [replace(work, due_at=NOW)]
        assert await home.store.depth() == {WorkKind.HOUSEKEEPING: 1}


class TestAsking(LedgerSuite):
    async def test_a_job_of_another_tenant_does_not_exist(self, home: LedgerHome) -> None:
        job = await home.begun()
        assert await home.ledger.job("other", job.id) is None
        assert await home.ledger.request_cancel("other", job.id, now=NOW) is None
        assert await home.ledger.jobs(JobQuery(tenant="other")) == []

    async def test_pages_are_newest_first_and_meet_without_gap_or_overlap(self, home: LedgerHome) -> None:
        jobs = [a_job(id=f"job_{n:032x}") for n in range(5)]
        for job in jobs:
            await home.ledger.accept(job)
        first = await home.ledger.jobs(JobQuery(tenant="acme", limit=3))
        second = await home.ledger.jobs(JobQuery(tenant="acme", limit=3, cursor=first[-1].id))
        assert [*first, *second] == jobs[::-1]

    async def test_pages_are_filtered(self, home: LedgerHome) -> None:
        old = await home.begun(created_at=NOW - timedelta(hours=1))
        done, _ = await home.finished(operation="upscale")

        async def found(**wanted: object) -> list[str]:
            return [job.id for job in await home.ledger.jobs(JobQuery(tenant="acme", **wanted))]

        assert await found(status=JobStatus.RUNNING) == [old.id]
        assert await found(operation="upscale") == [done.id]
        assert await found(created_before=NOW) == [old.id]
        assert await found(created_after=NOW - timedelta(minutes=1)) == [done.id]

    async def test_the_place_in_the_queue_follows_priority_and_age(self, home: LedgerHome) -> None:
        jobs = [a_job(id=f"job_{n:032x}", priority=priority) for n, priority in enumerate((0, 0, 5))]
        for job in jobs:
            await home.ledger.accept(job)
        running = await home.begun(priority=9)
        places = [await home.ledger.queue_position(job.id) for job in (*jobs, running)]
        assert places == [1, 2, 0, None]

    async def test_the_first_wish_to_cancel_is_noted(self, home: LedgerHome) -> None:
        job = await home.begun()
        first = await home.ledger.request_cancel("acme", job.id, now=NOW)
        second = await home.ledger.request_cancel("acme", job.id, now=LATER)
        assert first is not None
        assert first.cancel_requested_at == NOW
        assert second == first

    async def test_a_finished_job_is_not_canceled(self, home: LedgerHome) -> None:
        job, _ = await home.finished()
        read = await home.ledger.request_cancel("acme", job.id, now=LATER)
        assert read is not None
        assert (read.status, read.cancel_requested_at) == (JobStatus.SUCCEEDED, None)

    async def test_events_are_numbered_and_read_from_a_number_on(self, home: LedgerHome) -> None:
        job, _ = await home.finished()
        assert [event.sequence for event in await home.ledger.events(job.id, after=0, limit=2)] == [1, 2]
        assert [event.sequence for event in await home.ledger.events(job.id, after=2, limit=2)] == [3]

    async def test_listeners_hear_of_every_later_event(self, home: LedgerHome) -> None:
        job = a_job()
        await home.ledger.accept(job)
        async with home.ledger.changes(job.id) as changes, home.ledger.changes(job.id) as others:
            begun = await home.ledger.begin(job.id, now=NOW)
            assert begun is not None
            async with asyncio.timeout(30):
                await anext(changes)
                await home.ledger.finish(begun, an_ending(), None)
                await anext(changes)
                await anext(others)
