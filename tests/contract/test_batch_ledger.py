"""The contract of `BatchLedger`: listing, taking, ending."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from service.domain.batches import ItemEnding, ItemStatus, SkipReason
from service.domain.jobs import Fallback, Job, JobError, JobStatus, Output, OutputSource
from service.domain.objects import ObjectRef
from service.domain.work import WorkKind
from service.ports.batches import Taken
from service.ports.ledger import IdempotencyKey, LeaseLostError
from tests.contract.batch_suite import BatchHome, BatchSuite, a_batch, a_batch_job, narrowed, picture
from tests.contract.ledger_suite import NOW, an_attempt, an_ending

SECOND = timedelta(seconds=1)


def an_output(job: Job, *, fallback: bool = False) -> Output:
    why = Fallback(reason="rate_limited", provider="openai", provider_code="slow_down")
    return Output(
        object=job.target,
        mime_type="image/png",
        byte_count=3,
        width=1,
        height=1,
        sha256="0" * 64,
        source=OutputSource.FALLBACK if fallback else OutputSource.PROVIDER,
        provider="openai",
        model="m",
        fallback=why if fallback else None,
    )


def done(job: Job, status: ItemStatus = ItemStatus.SUCCEEDED, **fields: object) -> ItemEnding:
    output = an_output(job, fallback=status is ItemStatus.FALLBACK)
    made = {"output": output} if status in {ItemStatus.SUCCEEDED, ItemStatus.FALLBACK} else {}
    return ItemEnding(status=status, finished_at=NOW + SECOND, **(made | fields))


async def taken(at: BatchHome, job: Job, *, limit: int = 10, stream: int = 0, **more: object) -> Taken:
    return await at.batches.take_items(job.id, stream, after=None, limit=limit, now=NOW, **more)


class TestAccepting(BatchSuite):
    async def test_a_batch_comes_back_as_it_was_accepted_with_the_work_on_it(self, at: BatchHome) -> None:
        job = a_batch_job()
        batch = a_batch(job, max_cost_usd=1.5, item_cost_usd=0.1)
        accepted = await at.batches.accept_batch(job, batch, idempotency=IdempotencyKey("k", "f"))
        assert accepted.job_id == job.id
        assert await at.batches.batch("acme", job.id) == batch
        assert await at.batches.batch("other", job.id) is None
        assert [work.ref for work in await at.home.work(WorkKind.JOB)] == [job.id]
        other = a_batch_job()
        again = await at.batches.accept_batch(other, a_batch(other), idempotency=IdempotencyKey("k", "f"))
        assert again.replayed
        assert again.job_id == job.id
        assert await at.batches.batch(None, other.id) is None


class TestListing(BatchSuite):
    async def test_pages_become_items_with_numbers_targets_and_the_work_on_them(self, at: BatchHome) -> None:
        job = await at.begun(batch={"streams": 2})
        batch = await at.listed(job, "shop/a.jpg", picture("x.txt", skip=SkipReason.NOT_A_PICTURE), cursor="c1")
        assert (batch.cursor, batch.listed_at, batch.items, batch.settled) == ("c1", None, 2, 1)
        batch = await at.listed(job, "shop/b/a.jpg", picture("shop/e.jpg", skip=SkipReason.EXISTS))
        assert (batch.listed_at, batch.pictures, batch.picture_bytes, batch.done) == (NOW, 2, 20, False)
        items = await at.items(job)
        assert [item.number for item in items] == [1, 2, 3, 4]
        assert items[0].target == ObjectRef("out", f"results/{job.id}/shop/a_modified.png")
        assert [item.status for item in items] == ["pending", "skipped", "pending", "skipped"]
        assert items[1].target is None
        progress = (await at.job(job)).progress
        assert (progress.total, progress.skipped) == (3, 2)  # what is no picture was not found as one
        assert {work.ref for work in await at.home.work(WorkKind.SHARD)} == {f"{job.id}/0", f"{job.id}/1"}
        assert (await at.items(job, status=ItemStatus.PENDING, after=1))[0].source.key == "shop/b/a.jpg"
        assert await at.items(a_batch_job()) == ()

    async def test_no_two_items_get_one_target(self, at: BatchHome) -> None:
        job = await at.begun()
        await at.listed(job, "a.jpg", "a.png", "a.png.gif", cursor="next")
        await at.listed(job, "a.png.webp", "a.webp")
        keys = [item.target.key.removeprefix(f"results/{job.id}/") for item in await at.items(job) if item.target]
        assert keys == [
            "a_modified.png",
            "a.png_modified.png",
            "a.png.gif_modified.png",
            "a.png.webp_modified.png",
            "a.webp_modified.png",
        ]
        other = await at.begun()
        await at.listed(other, "b.jpg", "b.png.gif", "b.png", cursor="n")
        await at.listed(other, "b.png.x", "b.png")
        keys = [item.target.key.rpartition("/")[2] for item in await at.items(other) if item.target]
        assert keys[1:] == [
            "b.png_modified.png",
            "b.png_2_modified.png",
            "b.png.x_modified.png",
            "b.png_3_modified.png",
        ]

    async def test_a_dry_run_counts_and_keeps_nothing(self, at: BatchHome) -> None:
        job = await at.begun(batch={"dry_run": True})
        batch = await at.listed(job, "a.jpg", "b.jpg", picture("c.txt", skip=SkipReason.NOT_A_PICTURE))
        assert (batch.done, batch.pictures, batch.picture_bytes) == (True, 2, 20)
        assert await at.items(job) == ()
        assert await at.home.work(WorkKind.SHARD) == []
        assert (await at.job(job)).progress.skipped == 1

    async def test_only_the_worker_that_holds_the_job_lists(self, at: BatchHome) -> None:
        job = await at.begun()
        later = await at.home.ledger.begin(job.id, now=NOW)
        with pytest.raises(LeaseLostError):
            await at.listed(job, "a.jpg")
        assert later is not None
        await at.listed(later, "a.jpg")
        assert len(await at.items(job)) == 1

    async def test_it_is_known_what_an_earlier_batch_of_the_same_kind_made(self, at: BatchHome) -> None:
        job = await at.begun()
        await at.listed(job, "a.jpg", "b.jpg", "c.jpg")
        items = (await taken(at, job)).items
        for item, status in zip(items, (ItemStatus.SUCCEEDED, ItemStatus.FALLBACK, ItemStatus.SUCCEEDED), strict=True):
            await at.batches.finish_item(narrowed(job, item), done(narrowed(job, item), status))
        found = [picture("a.jpg"), picture("b.jpg"), picture("c.jpg", etag="changed"), picture("d.jpg", etag=None)]
        assert await at.batches.existing("a" * 64, found) == {"a.jpg"}
        assert await at.batches.existing("b" * 64, found) == frozenset()


class TestTaking(BatchSuite):
    async def test_a_stream_takes_its_own_items_in_order_each_once(self, at: BatchHome) -> None:
        job = await at.begun(batch={"streams": 2})
        await at.listed(job, "1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg")
        first = await taken(at, job, stream=1, limit=2)
        assert [item.number for item in first.items] == [1, 3]
        assert {item.run for item in first.items} == {1}
        second = await at.batches.take_items(job.id, 1, after=first.place, limit=2, now=NOW)
        assert [item.number for item in second.items] == [5]
        nothing = await at.batches.take_items(job.id, 1, after=second.place, limit=2, now=NOW)
        assert (nothing.items, nothing.next_due_at) == ((), NOW)
        assert [item.number for item in (await taken(at, job, stream=0)).items] == [2, 4]

    async def test_what_was_left_comes_again_with_its_attempts(self, at: BatchHome) -> None:
        job = await at.begun()
        await at.listed(job, "a.jpg")
        item = (await taken(at, job)).items[0]
        mine = narrowed(job, item)
        await at.home.ledger.begin_attempt(mine, an_attempt())
        await at.home.ledger.keep_ticket(mine, 1, {"id": "t"})
        await at.batches.postpone_item(mine, NOW + SECOND)
        assert (await taken(at, job)).next_due_at == NOW + SECOND
        again = (await at.batches.take_items(job.id, 0, after=None, limit=9, now=NOW + SECOND)).items[0]
        assert (again.run, again.started_at) == (2, NOW)
        assert again.attempts[0].ticket == {"id": "t"}
        assert (await at.job(job)).attempts == ()  # those of the whole job, of which there are none
        with pytest.raises(LeaseLostError):
            await at.batches.postpone_item(mine, NOW)
        with pytest.raises(LeaseLostError):
            await at.home.ledger.end_attempt(mine, an_attempt())
        with pytest.raises(LeaseLostError):
            await at.batches.finish_item(mine, done(mine))

    async def test_nothing_is_taken_of_what_is_paused_canceled_or_over(self, at: BatchHome) -> None:
        job = await at.begun()
        await at.listed(job, "a.jpg", cursor="more")
        assert await at.batches.pause("other", job.id, now=NOW) is None
        paused = await at.batches.pause("acme", job.id, now=NOW)
        assert paused is not None
        assert paused.paused_at == NOW
        assert (await taken(at, job)).job is None
        resumed = await at.batches.resume("acme", job.id, now=NOW)
        assert resumed is not None
        assert resumed.paused_at is None
        assert (await taken(at, job)).items
        await at.home.ledger.request_cancel("acme", job.id, now=NOW)
        assert (await taken(at, job)).job is None
        assert (await at.batches.take_items("job_unknown", 0, after=None, limit=1, now=NOW)).job is None
        assert await at.batches.resume("acme", "job_unknown", now=NOW) is None

    async def test_no_more_is_begun_than_the_budget_allows_together(self, at: BatchHome) -> None:
        job = await at.begun(batch={"streams": 2, "max_cost_usd": 0.3, "item_cost_usd": 0.1})
        await at.listed(job, *(f"{n}.jpg" for n in range(8)))
        odd = (await taken(at, job, stream=1, limit=2)).items
        even = (await taken(at, job, stream=0, limit=2)).items
        assert (len(odd), len(even)) == (2, 1)
        waiting = await taken(at, job, stream=0)
        # What is left may be allowed once it is known what the others cost, but what was begun goes on.
        assert [item.number for item in waiting.items] == [even[0].number]
        after = await at.batches.take_items(job.id, 0, after=waiting.place, limit=9, now=NOW)
        assert (after.waits_for_budget, after.items) == (True, ())
        for item in odd:
            await at.batches.finish_item(narrowed(job, item), done(narrowed(job, item), cost_usd=0.15))
        assert (await at.job(job)).cost_usd == 0.3
        rest = await at.batches.take_items(job.id, 1, after=None, limit=1, now=NOW)
        assert rest.items == ()
        skipped = await at.items(job, status=ItemStatus.SKIPPED)
        assert [(item.number, item.skip_reason) for item in skipped] == [(5, "budget"), (7, "budget")]

    @pytest.mark.parametrize(("item_cost", "allowed"), [(None, False), (0.0, True)])
    async def test_without_a_price_the_cost_so_far_decides(
        self, at: BatchHome, item_cost: float | None, allowed: bool
    ) -> None:
        job = await at.begun(batch={"max_cost_usd": 0.0, "item_cost_usd": item_cost})
        await at.listed(job, "a.jpg")
        assert bool((await taken(at, job)).items) is allowed


class TestEnding(BatchSuite):
    async def test_each_end_is_counted_once_and_the_last_one_calls_for_the_end_of_the_batch(
        self, at: BatchHome
    ) -> None:
        job = await at.begun()
        await at.listed(job, "a.jpg", "b.jpg", "c.jpg", "d.jpg")
        await at.home.store.done((await at.home.work(WorkKind.JOB))[0])
        a, b, c, d = (narrowed(job, item) for item in (await taken(at, job)).items)
        usage = {"total_tokens": 2, "details": {"image": 1}}
        assert await at.batches.finish_item(a, done(a, cost_usd=0.1, usage=usage))
        assert not await at.batches.finish_item(a, done(a, cost_usd=0.1, usage=usage))
        assert await at.batches.finish_item(b, done(b, ItemStatus.FALLBACK, cost_usd=0.2, usage=usage))
        error = JobError(code="moderated", message="no")
        assert await at.batches.finish_item(c, done(c, ItemStatus.FAILED, error=error))
        assert await at.home.work(WorkKind.JOB) == []
        reason = SkipReason.NOT_A_PICTURE
        assert await at.batches.finish_item(d, done(d, ItemStatus.SKIPPED, skip_reason=reason))
        assert [work.ref for work in await at.home.work(WorkKind.JOB)] == [job.id]
        ended = await at.job(job)
        progress = ended.progress
        assert (progress.total, progress.succeeded, progress.fallback, progress.failed, progress.skipped) == (
            *(3, 1, 1, 1, 1),
        )
        assert (ended.cost_usd, ended.usage) == (0.3, {"total_tokens": 4, "details": {"image": 2}})
        assert (await at.batch(job)).done
        assert [item.error for item in await at.items(job, status=ItemStatus.FAILED)] == [error]

    async def test_progress_is_told_but_not_of_every_item(self, at: BatchHome) -> None:
        job = await at.begun()
        await at.listed(job, *(f"{n}.jpg" for n in range(20)))
        for item in (await taken(at, job, limit=20)).items:
            await at.batches.finish_item(narrowed(job, item), done(narrowed(job, item)))
        told = list(await at.home.ledger.events(job.id, after=0, limit=99))
        assert [event.type for event in told] == ["job.queued", "job.running", "job.progress", "job.progress"]
        assert told[-1].data == {"total": 20, "succeeded": 1, "fallback": 0, "failed": 0, "skipped": 0}

    async def test_pending_items_are_canceled_in_portions(self, at: BatchHome) -> None:
        job = await at.begun()
        await at.listed(job, "a.jpg", "b.jpg", "c.jpg", cursor="more")
        first = narrowed(job, (await taken(at, job, limit=1)).items[0])
        await at.home.ledger.begin_attempt(first, an_attempt())
        assert [await at.batches.cancel_items(job, limit=2, now=NOW) for _ in range(3)] == [2, 1, 0]
        assert {item.status for item in await at.items(job)} == {ItemStatus.CANCELED}
        assert not await at.batches.finish_item(first, done(first))
        await at.home.ledger.end_attempt(first, replace(an_attempt(), ended_at=NOW, outcome="ambiguous"))
        with pytest.raises(LeaseLostError):
            await at.home.ledger.begin_attempt(first, replace(an_attempt(), number=2))
        await at.batches.postpone_item(first, NOW)
        assert (await at.job(job)).status is JobStatus.RUNNING
        assert (await at.batch(job)).settled == 3

    async def test_the_work_on_a_batch_can_be_called_for(self, at: BatchHome) -> None:
        job = await at.begun()
        await at.home.store.done((await at.home.work(WorkKind.JOB))[0])
        await at.batches.wake(job.id, now=NOW)
        assert [work.ref for work in await at.home.work(WorkKind.JOB)] == [job.id]


class TestRetention(BatchSuite):
    async def test_the_items_of_old_batches_go_in_portions_before_their_jobs(self, at: BatchHome) -> None:
        job = await at.begun()
        await at.listed(job, *(f"{n}.jpg" for n in range(50)))
        first = narrowed(job, (await taken(at, job, limit=1)).items[0])
        await at.home.ledger.begin_attempt(first, an_attempt())
        while await at.batches.cancel_items(job, limit=1000, now=NOW):
            pass
        await at.home.ledger.finish(job, an_ending(status=JobStatus.CANCELED), None)
        await at.home.ledger.expire(job.id, now=NOW)
        later = NOW + SECOND
        assert await at.home.ledger.prune(before=later, limit=2) == 2
        assert len(await at.items(job)) == 10
        assert await at.home.ledger.prune(before=later, limit=2) == 2
        assert await at.home.ledger.prune(before=later, limit=2) == 1
        assert await at.home.ledger.job(None, job.id) is None
        assert await at.batches.batch(None, job.id) is None
