"""What several processes do to a batch at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from service.domain.batches import Found, ItemEnding, ItemStatus, Stage, Staging
from service.ports.ledger import LeaseLostError
from tests.contract.batch_suite import BatchHome, narrowed
from tests.contract.ledger_suite import NOW, an_attempt
from tests.contract.racing import RaceSuite, at_once, row
from tests.servers.postgres import PostgresServer

SECOND = timedelta(seconds=1)


class TestBatches(RaceSuite):
    async def test_streams_together_begin_no_more_than_the_budget_allows(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        job = await fleet[0].begun(batch={"streams": 6, "max_cost_usd": 1.0, "item_cost_usd": 0.1})
        await fleet[0].listed(job, *(f"{n}.jpg" for n in range(60)))
        taking = [
            fleet[stream % 3].batches.take_items(job.id, stream, after=None, limit=4, now=NOW) for stream in range(6)
        ]
        taken = await at_once(postgres_url, row("jobs", job.id), *taking)
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
        gate = row("jobs", job.id)
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
            row("jobs", job.id),
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
            row("jobs", job.id),
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
            row("jobs", job.id),
            fleet[0].batches.pause("acme", job.id, now=NOW),
            fleet[1].batches.take_items(job.id, 0, after=None, limit=9, now=NOW),
        )
        assert paused.paused_at == NOW
        assert len(begun.items) == (5 if begun.job else 0)
        assert await taken(fleet[2], job) == ()

    async def test_no_picture_waits_for_one_that_ended_while_it_was_written_down(
        self, fleet: Sequence[BatchHome], postgres_url: str
    ) -> None:
        job = await fleet[0].begun(batch={"staging": Staging(main_first=True)})
        main = Found(url="https://a.example/1", group="a", name="1", stage=Stage.MAIN)
        await fleet[0].listed(job, main, cursor="more")
        [item] = await taken(fleet[0], job)
        ended, _ = await at_once(
            postgres_url,
            row("jobs", job.id),
            fleet[0].batches.finish_item(narrowed(job, item), failed()),
            fleet[1].listed(job, *(replace(main, name=f"{n}", stage=Stage.SECONDARY) for n in range(2, 5))),
        )
        assert ended is True
        assert [each.number for each in await taken(fleet[2], job)] == [2, 3, 4]


async def taken(at: BatchHome, job, *, stream: int = 0):
    return (await at.batches.take_items(job.id, stream, after=None, limit=10, now=NOW)).items


def failed(**fields) -> ItemEnding:
    return ItemEnding(**({"status": ItemStatus.FAILED, "finished_at": NOW} | fields))
