"""What several processes do to one database at the same moment, which SQLite's single writer rules out.

A gate is a lock that the test itself holds: who wants through waits in the database, and goes on with all the others
when it opens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import psycopg
import pytest

from service.domain.batches import Found, ItemEnding, ItemStatus, Stage, Staging
from service.domain.deliveries import DeliveryState
from service.domain.jobs import JobStatus
from service.domain.work import Work, WorkKind
from service.ports.ledger import IdempotencyKey, LeaseLostError
from tests.contract.batch_suite import BatchHome, a_batch, a_batch_job, batch_home, narrowed
from tests.contract.ledger_suite import NOW, a_delivery, a_failure, a_job, a_try, an_attempt, an_ending, postgres_home
from tests.servers.postgres import PostgresServer

T = TypeVar("T")
KEY = IdempotencyKey("key-1", "digest-1")
LATER = NOW + timedelta(minutes=5)
SECOND = timedelta(seconds=1)


@pytest.fixture
async def fleet(postgres_url: str) -> AsyncIterator[Sequence[BatchHome]]:
    """The ledger as three processes have it open."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(batch_home(postgres_home, postgres_url)) for _ in range(3)]


@contextmanager
def gate(url: str, statement: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url) as connection:
        connection.execute(statement)
        yield connection
        connection.rollback()


async def waiting(url: str, count: int) -> None:
    """Until so many transactions wait for a lock."""
    async with asyncio.timeout(30), await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        question = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        while (await (await connection.execute(question)).fetchone() or (0,))[0] < count:
            await asyncio.sleep(0.01)


async def at_once(url: str, statement: str, *calls: Awaitable[T], waiters: int | None = None) -> list[T]:
    """What the calls return, or raise, that all met at a gate."""
    with gate(url, statement):
        running = [asyncio.ensure_future(call) for call in calls]
        await waiting(url, len(running) if waiters is None else waiters)
    return await asyncio.gather(*running, return_exceptions=True)


class TestAccepting:
    async def test_of_requests_with_one_key_one_becomes_a_job_and_all_can_read_it(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        requests = [at.home.ledger.accept(a_job(), idempotency=KEY) for at in fleet for _ in range(5)]
        accepted = await at_once(postgres_url, "LOCK TABLE idempotency_keys", *requests)
        assert sorted(each.replayed for each in accepted) == [False] + [True] * 14
        [job_id] = {each.job_id for each in accepted}
        assert all([await at.home.ledger.job("acme", job_id) for at in fleet])
        assert await fleet[0].home.ledger.unfinished_count("acme") == 1
        assert [work.ref for work in await fleet[0].home.work(WorkKind.JOB)] == [job_id]

    async def test_a_key_whose_request_came_to_nothing_is_free_for_the_one_that_waited(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        taken = "INSERT INTO idempotency_keys VALUES ('acme', 'key-1', 'digest-0', 9000000000000000, 'job_none')"
        [accepted] = await at_once(postgres_url, taken, fleet[0].home.ledger.accept(a_job(), idempotency=KEY))
        assert not accepted.replayed

    async def test_batches_with_one_key_are_one_batch(self, fleet: Sequence[BatchHome], postgres_url: str) -> None:
        jobs = [a_batch_job() for _ in fleet]
        requests = [
            at.batches.accept_batch(job, a_batch(job), idempotency=KEY) for at, job in zip(fleet, jobs, strict=True)
        ]
        accepted = await at_once(postgres_url, "LOCK TABLE idempotency_keys", *requests)
        assert sorted(each.replayed for each in accepted) == [False, True, True]
        assert [await fleet[0].batches.batch(None, job.id) is not None for job in jobs] == [
            not each.replayed for each in accepted
        ]


class TestRunning:
    async def test_each_taking_has_a_run_of_its_own_and_one_is_told(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        job = a_job()
        await fleet[0].home.ledger.accept(job)
        takings = [at.home.ledger.begin(job.id, now=NOW) for at in fleet for _ in range(4)]
        taken = await at_once(postgres_url, f"SELECT FROM jobs WHERE id = '{job.id}' FOR UPDATE", *takings)
        assert sorted(each.run for each in taken) == list(range(1, 13))
        events = await fleet[0].home.ledger.events(job.id, after=0, limit=99)
        assert [(event.sequence, event.type) for event in events] == [(1, "job.queued"), (2, "job.running")]

    async def test_a_job_ends_once_whoever_ends_it(self, fleet: Sequence[BatchHome], postgres_url: str) -> None:
        job = await fleet[0].home.begun()
        ends = [at.home.ledger.finish(job, an_ending(), a_delivery(job)) for at in fleet]
        ends += [at.home.ledger.finish(job, a_failure(status=JobStatus.CANCELED), None) for at in fleet]
        ended = await at_once(postgres_url, f"SELECT FROM jobs WHERE id = '{job.id}' FOR UPDATE", *ends)
        assert sorted(ended) == [False] * 5 + [True]
        read = await fleet[0].home.ledger.job(None, job.id)
        assert read is not None
        assert len(await fleet[0].home.ledger.deliveries("acme", job.id)) == int(read.status is JobStatus.SUCCEEDED)
        assert [event.sequence for event in await fleet[0].home.ledger.events(job.id, after=0, limit=9)] == [1, 2, 3]

    async def test_who_ends_a_job_and_who_takes_it_over_do_not_both_have_it(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        job = await fleet[0].home.begun()
        ended, taken = await at_once(
            postgres_url,
            f"SELECT FROM jobs WHERE id = '{job.id}' FOR UPDATE",
            fleet[0].home.ledger.finish(job, an_ending(), None),
            fleet[1].home.ledger.begin(job.id, now=LATER),
        )
        assert isinstance(ended, LeaseLostError) == (not taken.finished)
        assert taken.run == (1 if taken.finished else 2)

    async def test_a_wish_to_cancel_meets_the_end_without_changing_it(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        job = await fleet[0].home.begun()
        ended, wished = await at_once(
            postgres_url,
            f"SELECT FROM jobs WHERE id = '{job.id}' FOR UPDATE",
            fleet[0].home.ledger.finish(job, an_ending(), None),
            fleet[1].home.ledger.request_cancel("acme", job.id, now=LATER),
        )
        assert ended is True
        assert (wished.cancel_requested_at is None) == wished.finished
        read = await fleet[2].home.ledger.job(None, job.id)
        assert read is not None
        assert (read.status, read.cancel_requested_at) == (JobStatus.SUCCEEDED, wished.cancel_requested_at)

    async def test_warnings_of_several_are_all_kept(self, fleet: Sequence[BatchHome], postgres_url: str) -> None:
        job = await fleet[0].home.begun()
        adding = [at.home.ledger.add_warnings(job, [f"warning {n}"]) for n, at in enumerate(fleet)]
        await at_once(postgres_url, f"SELECT FROM jobs WHERE id = '{job.id}' FOR UPDATE", *adding)
        read = await fleet[0].home.ledger.job(None, job.id)
        assert read is not None
        assert set(read.warnings) == {"warning 0", "warning 1", "warning 2"}

    async def test_work_deferred_by_several_is_kept_once_at_the_earliest_moment(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        def work(n: int) -> Work:
            return Work(kind=WorkKind.HOUSEKEEPING, ref="prune", due_at=LATER - n * SECOND)

        deferring = [at.home.ledger.schedule(work(n)) for n, at in enumerate(fleet)]
        await at_once(postgres_url, "LOCK TABLE work", *deferring)
        assert await fleet[0].home.work(WorkKind.HOUSEKEEPING) == [work(2)]


class TestDelivering:
    async def test_attempts_of_several_get_numbers_of_their_own(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        _, delivery = await fleet[0].home.finished()
        recording = [
            at.home.ledger.record_delivery(delivery, a_try(), state=DeliveryState.PENDING, next_attempt_at=NOW)
            for at in fleet
            for _ in range(3)
        ]
        gate = f"SELECT FROM deliveries WHERE id = '{delivery.id}' FOR UPDATE"
        assert await at_once(postgres_url, gate, *recording) == [None] * 9
        read = await fleet[0].home.ledger.delivery(None, delivery.id)
        assert read is not None
        assert [attempt.number for attempt in read.attempts] == list(range(1, 10))

    async def test_a_new_schedule_by_hand_is_not_undone_by_an_attempt_that_was_out(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        _, delivery = await fleet[0].home.finished()
        await at_once(
            postgres_url,
            f"SELECT FROM deliveries WHERE id = '{delivery.id}' FOR UPDATE",
            fleet[0].home.ledger.redeliver("acme", delivery.id, now=LATER),
            fleet[1].home.ledger.record_delivery(delivery, a_try(), state=DeliveryState.FAILED, next_attempt_at=None),
        )
        read = await fleet[0].home.ledger.delivery(None, delivery.id)
        assert read is not None
        assert (read.state, read.next_attempt_at, len(read.attempts)) == (DeliveryState.PENDING, LATER, 1)


class TestBatches:
    async def test_streams_together_begin_no_more_than_the_budget_allows(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        job = await fleet[0].begun(batch={"streams": 6, "max_cost_usd": 1.0, "item_cost_usd": 0.1})
        await fleet[0].listed(job, *(f"{n}.jpg" for n in range(60)))
        taking = [
            fleet[stream % 3].batches.take_items(job.id, stream, after=None, limit=4, now=NOW) for stream in range(6)
        ]
        taken = await at_once(postgres_url, f"SELECT FROM jobs WHERE id = '{job.id}' FOR UPDATE", *taking)
        numbers = [item.number for each in taken for item in each.items]
        assert len(numbers) == len(set(numbers)) == 10

    async def test_ends_of_items_are_counted_and_told_without_a_gap(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        job = await fleet[0].begun(batch={"streams": 3})
        await fleet[0].listed(job, *(f"{n}.jpg" for n in range(30)))
        mine = [narrowed(job, item) for n in range(3) for item in await taken(fleet[n], job, stream=n)]
        ends = [
            fleet[n % 3].batches.finish_item(
                one, failed(finished_at=NOW + n * SECOND, cost_usd=0.01, usage={"total_tokens": 1})
            )
            for n, one in enumerate(mine)
        ]
        gate = f"SELECT FROM jobs WHERE id = '{job.id}' FOR UPDATE"
        # 24 connections in all: the others follow as these are done.
        assert await at_once(postgres_url, gate, *ends, waiters=24) == [True] * 30
        read, batch = await fleet[0].job(job), await fleet[0].batch(job)
        assert (read.progress.failed, read.cost_usd, read.usage) == (30, 0.3, {"total_tokens": 30})
        assert (batch.settled, batch.done) == (30, True)
        numbers = [event.sequence for event in await fleet[0].home.ledger.events(job.id, after=0, limit=99)]
        assert numbers == list(range(1, len(numbers) + 1))

    async def test_items_that_end_while_a_stream_is_taken_up_anew_lock_nobody_out(
        self, fleet: Sequence[BatchHome], postgres: PostgresServer
    ) -> None:
        before = len(postgres.log)
        job = await fleet[0].begun()
        await fleet[0].listed(job, *(f"{n}.jpg" for n in range(40)))

        async def work_off(at: BatchHome) -> None:
            while items := await taken(at, job):
                mine = [narrowed(job, item) for item in items]
                begun = [at.home.ledger.begin_attempt(one, an_attempt(one.run)) for one in mine]
                ended = an_attempt(ended_at=NOW, outcome="failed")
                ends = [at.batches.finish_item(one, failed(attempt=replace(ended, number=one.run))) for one in mine]
                for outcome in await asyncio.gather(*begun, *ends, return_exceptions=True):
                    assert outcome in (None, True, False) or isinstance(outcome, LeaseLostError), repr(outcome)

        await asyncio.gather(*map(work_off, fleet))
        batch = await fleet[0].batch(job)
        assert (batch.settled, (await fleet[0].job(job)).progress.failed) == (40, 40)
        assert "deadlock" not in postgres.log[before:]

    async def test_an_item_is_either_canceled_or_ends_by_itself(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        job = await fleet[0].begun()
        await fleet[0].listed(job, *(f"{n}.jpg" for n in range(10)))
        mine = [narrowed(job, item) for item in await taken(fleet[0], job)]
        *ended, canceled = await at_once(
            postgres_url,
            f"SELECT FROM jobs WHERE id = '{job.id}' FOR UPDATE",
            *(fleet[n % 2].batches.finish_item(one, failed()) for n, one in enumerate(mine)),
            fleet[2].batches.cancel_items(job, limit=100, now=NOW),
        )
        statuses = [item.status for item in await fleet[0].items(job)]
        assert statuses.count(ItemStatus.FAILED) == sum(ended)
        assert statuses.count(ItemStatus.CANCELED) == canceled == 10 - sum(ended)
        assert (await fleet[0].batch(job)).settled == 10

    async def test_nothing_waits_for_a_main_picture_that_ended_while_it_was_listed(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        job = await fleet[0].begun(batch={"staging": Staging(main_first=True)})
        mains = [Found(url="https://a.example", group=f"{n}", name="m", stage=Stage.MAIN) for n in range(10)]
        await fleet[0].listed(job, *mains, cursor="more")
        mine = [narrowed(job, item) for item in await taken(fleet[0], job)]
        *ends, _, _ = await at_once(
            postgres_url,
            f"SELECT FROM jobs WHERE id = '{job.id}' FOR UPDATE",
            *(fleet[n % 2].batches.finish_item(one, failed()) for n, one in enumerate(mine[:5])),
            fleet[2].listed(job, *(replace(one, name="s", stage=Stage.SECONDARY) for one in mains)),
            fleet[0].batches.finish_item(mine[5], failed()),
        )
        assert ends == [True] * 5
        others = (await fleet[0].items(job))[10:]
        assert [item.waits_for for item in others] == [None] * 6 + [7, 8, 9, 10]

    async def test_nothing_is_begun_once_a_pause_was_confirmed(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        job = await fleet[0].begun()
        await fleet[0].listed(job, *(f"{n}.jpg" for n in range(5)))
        paused, begun = await at_once(
            postgres_url,
            f"SELECT FROM jobs WHERE id = '{job.id}' FOR UPDATE",
            fleet[0].batches.pause("acme", job.id, now=NOW),
            fleet[1].batches.take_items(job.id, 0, after=None, limit=9, now=NOW),
        )
        assert paused.paused_at == NOW
        assert len(begun.items) == (5 if begun.job else 0)
        assert await taken(fleet[2], job) == ()


async def taken(at: BatchHome, job, *, stream: int = 0):
    return (await at.batches.take_items(job.id, stream, after=None, limit=10, now=NOW)).items


def failed(**fields) -> ItemEnding:
    return ItemEnding(**({"status": ItemStatus.FAILED, "finished_at": NOW} | fields))
