"""The contract of `BatchLedger` about pictures that were named: URLs, groups, and main pictures that go first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from service.domain.batches import Found, ItemEnding, ItemList, ItemStatus, Selection, SkipReason, Stage, Staging
from service.domain.jobs import Job, JobError
from service.domain.objects import ObjectRef
from service.domain.work import WorkKind
from service.ports.batches import GroupQuery, Taken
from tests.contract.batch_suite import BatchHome, BatchSuite, a_batch, a_batch_job, narrowed
from tests.contract.ledger_suite import NOW

LATER = NOW + timedelta(seconds=1)
MAIN_FIRST: dict[str, Any] = {"staging": Staging(main_first=True)}


def main(group: str | None, name: str = "main", **fields: Any) -> Found:
    return Found(url=f"https://shop.example/{group}/{name}.jpg", group=group, name=name, stage=Stage.MAIN, **fields)


def other(group: str, name: str) -> Found:
    return Found(url=f"https://shop.example/{group}/{name}.jpg", group=group, name=name, stage=Stage.SECONDARY)


async def taken(at: BatchHome, job: Job, *, stream: int = 0, **more: Any) -> Taken:
    return await at.batches.take_items(job.id, stream, **({"after": None, "limit": 10, "now": LATER} | more))


async def numbers(at: BatchHome, job: Job, **more: Any) -> list[int]:
    return [item.number for item in (await taken(at, job, **more)).items]


async def fail(at: BatchHome, job: Job, number: int) -> None:
    item = next(item for item in await at.items(job) if item.number == number)
    ending = ItemEnding(status=ItemStatus.FAILED, finished_at=LATER, error=JobError(code="x", message="x"))
    assert await at.batches.finish_item(narrowed(job, item), ending)


class TestNamedPictures(BatchSuite):
    async def test_they_come_back_as_they_were_named_and_keep_group_and_name(self, at: BatchHome) -> None:
        named = ItemList(bucket="out", prefix="sources/job/items-", parts=2, count=1001)
        job = a_batch_job()
        batch = a_batch(
            job, selection=Selection(bucket="in", named=named), staging=Staging(secondary_prompt="Crop it to a square")
        )
        await at.batches.accept_batch(job, batch)
        assert await at.batches.batch(None, job.id) == batch
        begun = await at.home.ledger.begin(job.id, now=NOW)
        assert begun is not None
        key = Found(source=ObjectRef("in", "a/front.png"), group="Ü 1", name="front.png", stage=Stage.SECONDARY)
        await at.listed(begun, main("Ü 1", "front.jpg"), key, main(None, "v1.2"))
        first, second, third = await at.items(begun)
        assert (first.url, first.source) == ("https://shop.example/Ü 1/front.jpg.jpg", None)
        assert (second.url, second.source) == (None, ObjectRef("in", "a/front.png"))
        assert [(item.group, item.name, item.stage) for item in (first, second, third)] == [
            ("Ü 1", "front.jpg", "main"),
            ("Ü 1", "front.png", "secondary"),
            (None, "v1.2", "main"),
        ]
        assert [item.target.key.removeprefix(job.target.key) for item in (first, second, third) if item.target] == [
            "/Ü 1/front_modified.png",
            "/Ü 1/front.png_modified.png",
            "/v1.2_modified.png",
        ]

    async def test_equal_names_are_told_apart_by_their_numbers(self, at: BatchHome) -> None:
        job = await at.begun()
        await at.listed(job, main("a", "x"), other("a", "x"), cursor="more")
        await at.listed(job, other("a", "x"), other("b", "x"))
        keys = [item.target.key.removeprefix(job.target.key) for item in await at.items(job) if item.target]
        assert keys == ["/a/x_modified.png", "/a/x_2_modified.png", "/a/x_3_modified.png", "/b/x_modified.png"]


class TestMainFirst(BatchSuite):
    async def test_the_others_of_a_group_wait_for_its_main_picture_and_for_no_other(self, at: BatchHome) -> None:
        job = await at.begun(batch=MAIN_FIRST)
        await at.listed(job, main("a"), other("a", "2"), main("b"), other("b", "2"), main(None), cursor="more")
        await at.listed(job, other("a", "3"))
        assert [item.waits_for for item in await at.items(job)] == [None, 1, None, 3, None, 1]
        assert await numbers(at, job) == [1, 3, 5]
        await fail(at, job, 1)
        assert [item.waits_for for item in await at.items(job)] == [None, None, None, 3, None, None]
        after = await taken(at, job, after=(await taken(at, job, limit=1)).place)
        assert [item.number for item in after.items] == [5, 2, 6]

    async def test_nothing_waits_unless_that_was_asked_for(self, at: BatchHome) -> None:
        job = await at.begun(batch={"staging": Staging(secondary_prompt="x")})
        await at.listed(job, main("a"), other("a", "2"))
        assert await numbers(at, job) == [1, 2]

    async def test_the_streams_of_those_that_waited_are_called(self, at: BatchHome) -> None:
        job = await at.begun(batch=MAIN_FIRST | {"streams": 3})
        await at.listed(job, main("a"), other("a", "2"), other("a", "3"))
        for work in await at.home.work(WorkKind.SHARD):
            await at.home.store.done(work)
        assert (await taken(at, job, stream=2)).next_due_at is None  # and so nobody comes before he is called
        assert await numbers(at, job, stream=1) == [1]
        await fail(at, job, 1)
        assert {work.ref for work in await at.home.work(WorkKind.SHARD)} == {f"{job.id}/0", f"{job.id}/2"}

    async def test_what_is_listed_after_its_main_picture_has_ended_does_not_wait(self, at: BatchHome) -> None:
        job = await at.begun(batch=MAIN_FIRST)
        await at.listed(job, main("a"), main("b", skip=SkipReason.EXISTS), cursor="more")
        assert await numbers(at, job) == [1]
        await fail(at, job, 1)
        await at.listed(job, other("a", "2"), other("b", "2"), other("gone", "2"))
        assert await numbers(at, job) == [3, 4, 5]

    async def test_a_main_picture_that_the_budget_skips_lets_the_others_go(self, at: BatchHome) -> None:
        job = await at.begun(batch=MAIN_FIRST | {"max_cost_usd": 0.0, "item_cost_usd": 0.1})
        await at.listed(job, main("a"), other("a", "2"))
        for _ in range(2):
            assert await numbers(at, job) == []
        assert {item.skip_reason for item in await at.items(job)} == {SkipReason.BUDGET}
        assert (await at.batch(job)).done

    @pytest.mark.parametrize("limit", [1, 10])
    async def test_those_that_wait_are_canceled_too(self, at: BatchHome, limit: int) -> None:
        job = await at.begun(batch=MAIN_FIRST)
        await at.listed(job, main("a"), other("a", "2"), other("a", "3"))
        while await at.batches.cancel_items(job, limit=limit, now=LATER):
            pass
        assert {(item.status, item.waits_for) for item in await at.items(job)} == {(ItemStatus.CANCELED, None)}
        assert (await at.batch(job)).done


class TestGroups(BatchSuite):
    async def test_each_group_is_counted_by_itself_in_the_order_of_the_names(self, at: BatchHome) -> None:
        job = await at.begun()
        await at.listed(job, main("b"), main(None), other("b", "2"), main("a"), other("c", "no main here"))
        await taken(at, job)
        await fail(at, job, 1)
        await fail(at, job, 5)
        first = await at.batches.groups(GroupQuery(job_id=job.id, limit=2))
        assert [(group.name, group.main, group.finished) for group in first] == [
            ("a", "pending", False),
            ("b", "failed", False),
        ]
        assert first[1].counts == {ItemStatus.FAILED: 1, ItemStatus.PENDING: 1}
        rest = await at.batches.groups(GroupQuery(job_id=job.id, after="b", limit=2))
        assert [(group.name, group.main, group.finished) for group in rest] == [("c", None, True)]
        assert await at.batches.groups(GroupQuery(job_id=job.id, after="c")) == ()

    async def test_the_items_of_one_group_come_in_pages(self, at: BatchHome) -> None:
        job = await at.begun()
        await at.listed(job, main("b"), main("a"), other("b", "2"), other("b", "3"))
        assert [item.number for item in await at.items(job, group="b", limit=2)] == [1, 3]
        assert [item.number for item in await at.items(job, group="b", after=3, limit=2)] == [4]
        assert await at.items(job, group="none") == ()
