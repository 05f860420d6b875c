"""A stream over a real ledger; what edits its pictures is scripted, because here its faults are the matter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.domain.batches import Found, ItemStatus, Stage, Staging
from service.domain.jobs import Job, JobError
from service.domain.pictures import PictureFault
from service.domain.work import Again, Work, WorkKind
from service.ports.ledger import LedgerUnavailableError
from service.usecases.outputs import Kept
from service.usecases.work_off import WorkOff
from tests.contract.batch_suite import BatchHome, batch_home
from tests.contract.ledger_suite import NOW, SystemClock, sqlite_home

Edit = Callable[[Job], Awaitable[Kept | Again | JobError]]
NO = JobError(code="no", message="no")


@pytest.fixture
async def at(tmp_path: Path):
    async with batch_home(sqlite_home, tmp_path) as home:
        yield home


def stream(at: BatchHome, edit: Edit, *, leave: Callable[[timedelta], bool] = lambda _: False) -> WorkOff:
    return WorkOff(batches=at.batches, edit=edit, clock=SystemClock(), leave=leave)  # type: ignore[arg-type]


def work_on(job: Job) -> Work:
    return Work(kind=WorkKind.SHARD, ref=f"{job.id}/0", due_at=NOW)


async def statuses(at: BatchHome, job: Job) -> list[str]:
    return [item.status.value for item in await at.items(job)]


async def test_its_share_is_in_work_and_never_more(at: BatchHome) -> None:
    job, now, most = await at.begun(batch={"concurrency": 3}), 0, 0
    await at.listed(job, *(f"{number}.jpg" for number in range(20)))

    async def edit(_: Job) -> JobError:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return NO

    assert await stream(at, edit)(work_on(job)) is None
    assert most == 3
    assert await statuses(at, job) == ["failed"] * 20


async def test_an_unforeseen_fault_is_tried_again_and_then_fails_its_item_alone(at: BatchHome) -> None:
    job = await at.begun(batch={"concurrency": 2})
    await at.listed(job, "a.jpg", "b.jpg")

    async def edit(item: Job) -> JobError:
        if item.item == 1:
            raise RuntimeError("unforeseen")
        return NO

    again = await stream(at, edit)(work_on(job))
    assert again is not None
    assert again.due_at > datetime.now(UTC)
    assert await statuses(at, job) == ["pending", "failed"]
    for _ in range(2):
        item = (await at.batches.take_items(job.id, 0, after=None, limit=1, now=NOW + timedelta(days=9999))).items[0]
        await at.batches.postpone_item(_held(job, item.run), NOW)
    assert await stream(at, edit)(work_on(job)) is None
    assert (await at.items(job, status=ItemStatus.FAILED))[0].error == JobError(
        code="internal_error", message="something went wrong here; it was logged"
    )


def _held(job: Job, run: int) -> Job:
    return replace(job, item=1, run=run)


async def test_a_database_that_is_away_leaves_no_call_behind(at: BatchHome) -> None:
    job, ended = await at.begun(batch={"concurrency": 2}), list[int]()
    await at.listed(job, "a.jpg", "b.jpg", "c.jpg")

    async def edit(item: Job) -> JobError:
        assert item.item is not None
        if item.item == 1:
            raise LedgerUnavailableError("away")
        await asyncio.sleep(0.05)
        ended.append(item.item)
        return NO

    with pytest.raises(LedgerUnavailableError):
        await stream(at, edit)(work_on(job))
    assert ended == [2]
    assert await statuses(at, job) == ["pending", "failed", "pending"]


async def test_who_must_leave_ends_what_is_in_work_and_comes_again(at: BatchHome) -> None:
    job, asked = await at.begun(batch={"concurrency": 1}), 0
    await at.listed(job, "a.jpg", "b.jpg")

    def leave(_: timedelta) -> bool:
        nonlocal asked
        asked += 1
        return asked > 1

    async def edit(_: Job) -> JobError:
        return NO

    assert isinstance(await stream(at, edit, leave=leave)(work_on(job)), Again)
    assert await statuses(at, job) == ["failed", "pending"]


async def test_who_is_interrupted_leaves_at_once(at: BatchHome) -> None:
    job, begun, let_go = await at.begun(), asyncio.Event(), asyncio.Event()
    await at.listed(job, "a.jpg")

    async def edit(_: Job) -> JobError:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            let_go.set()
        return NO

    running = asyncio.create_task(stream(at, edit)(work_on(job)))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert let_go.is_set()
    assert await statuses(at, job) == ["pending"]


async def test_there_is_nothing_to_do_for_a_batch_that_is_gone(at: BatchHome) -> None:
    async def edit(_: Job) -> JobError:
        return NO

    gone = Work(kind=WorkKind.SHARD, ref="job_gone/0", due_at=NOW)
    assert await stream(at, edit)(gone) is None


async def test_each_stage_has_its_prompt_and_what_was_named_is_missed_when_it_is_no_picture(at: BatchHome) -> None:
    staging = Staging(main_first=True, secondary_prompt="the others so")
    job, asked = await at.begun(batch={"staging": staging}, prompt="the main one so"), list[Job]()
    named = Found(url="https://shop.example/1.png", group="SKU", name="front", stage=Stage.MAIN)
    await at.listed(job, named, replace(named, name="back", stage=Stage.SECONDARY), "bucket/key.png")

    async def edit(item: Job) -> JobError:
        asked.append(item)
        return JobError(code=PictureFault.NOT_A_PICTURE, message="no picture")

    assert await stream(at, edit)(work_on(job)) is None
    prompts = {item.item: item.prompt for item in asked}
    assert prompts == {1: "the main one so", 2: "the others so", 3: "the main one so"}
    assert {item.source.url for item in asked if item.source} == {"https://shop.example/1.png", None}
    assert [item.item for item in asked].index(2) > [item.item for item in asked].index(1)
    assert await statuses(at, job) == ["failed", "failed", "skipped"]
