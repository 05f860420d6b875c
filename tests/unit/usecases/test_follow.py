"""Following jobs over the real ledger: nothing twice, nothing missing, the end last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from service.domain.events import Event
from service.domain.jobs import Job, JobError, JobStatus, Progress
from service.domain.refusals import RefusedError
from service.domain.standing import JobStage, Standing
from service.ledger.ledger import SqlLedger
from service.ports.ledger import LedgerUnavailableError
from service.usecases.follow import FollowJob
from tests.contract.batch_suite import BatchHome, batch_home
from tests.contract.ledger_suite import NOW, an_ending, sqlite_home

LONG = 3600.0  # a tick that no test lives to see
SHORT = 0.02

T = TypeVar("T")


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[BatchHome]:
    async with batch_home(sqlite_home, tmp_path) as home:
        yield home


@pytest.fixture
def follow(at: BatchHome) -> FollowJob:
    return FollowJob(ledger=at.home.ledger, batches=at.batches)


async def events(follow: FollowJob, job: Job, *, after: int = 0, tick: float = LONG) -> AsyncIterator[Event | None]:
    found = await follow.events(job.tenant, job.id, after=after, tick_seconds=tick)
    assert found is not None
    return found


async def heard(stream: AsyncIterator[T | None]) -> list[T]:
    """All that a stream brings up to its end."""
    async with asyncio.timeout(60):
        return [one async for one in stream if one is not None]


async def passed_on(stream: AsyncIterator[T | None], to: asyncio.Queue[T]) -> None:
    """Put all that a stream brings into a queue, as soon as it comes."""
    async for one in stream:
        if one is not None:
            await to.put(one)


async def first(stream: AsyncIterator[T | None], count: int) -> list[T]:
    """So much of a stream, which is then left."""
    found: list[T] = []
    async with asyncio.timeout(60):
        async for one in stream:
            if one is not None:
                found.append(one)
            if len(found) == count:
                break
    return found


async def happen(at: BatchHome, job: Job, count: int) -> None:
    """Events of progress, as pages of a listing bring them."""
    for number in range(count):
        later = NOW + timedelta(seconds=2 * number)
        await at.listed(job, f"shop/{number}.jpg", cursor="next", at=later)


def numbers(found: Sequence[Event]) -> list[int]:
    return [event.sequence for event in found]


async def test_a_late_follower_hears_what_was_and_what_comes_up_to_the_end(at: BatchHome, follow: FollowJob) -> None:
    job = await at.begun()
    await happen(at, job, 3)
    listening = asyncio.create_task(heard(await events(follow, job)))
    await happen(at, job, 1)  # within a second of the last one: counted, but no event
    await at.home.ledger.finish(job, an_ending(), None)

    found = await listening
    assert numbers(found) == list(range(1, 7))
    assert [event.type for event in found][:3] == ["job.queued", "job.running", "job.progress"]
    assert [event.final for event in found] == [False] * 5 + [True]


async def test_followers_that_drop_and_come_back_hear_everything_once(at: BatchHome, follow: FollowJob) -> None:
    job = await at.begun()

    async def dropping(every: int) -> list[int]:
        found: list[int] = []
        while True:
            stream = await follow.events(job.tenant, job.id, after=len(found), tick_seconds=LONG)
            if stream is None:
                return found
            found += numbers(await first(stream, every))

    async with asyncio.TaskGroup() as tasks:
        followers = [tasks.create_task(dropping(every)) for every in (1, 3, 7, 500)]
        await happen(at, job, 250)  # more than the ledger gives at a time
        await at.home.ledger.finish(job, an_ending(), None)
    assert [follower.result() for follower in followers] == [list(range(1, 254))] * 4


async def test_after_the_end_there_is_nothing_to_come_back_for(at: BatchHome, follow: FollowJob) -> None:
    job, _ = await at.home.finished()
    assert await follow.events(job.tenant, job.id, after=3, tick_seconds=LONG) is None
    assert numbers(await heard(await events(follow, job, after=2))) == [3]


@pytest.mark.parametrize("beyond", [4, 2**31 - 1])
async def test_a_place_that_the_job_never_came_to_is_the_first(at: BatchHome, follow: FollowJob, beyond: int) -> None:
    job, _ = await at.home.finished()
    assert numbers(await heard(await events(follow, job, after=beyond))) == [1, 2, 3]


async def test_a_job_of_another_tenant_does_not_exist(at: BatchHome, follow: FollowJob) -> None:
    job = await at.home.begun(tenant="acme")
    for tenant, job_id in (("brand", job.id), ("acme", "job_" + "0" * 32)):
        for refused in (follow.events, follow.standings):
            with pytest.raises(RefusedError) as error:
                await refused(tenant, job_id, tick_seconds=LONG)
            assert error.value.code == "not_found"


async def test_what_nobody_announced_is_found_at_the_tick(at: BatchHome, follow: FollowJob, tmp_path: Path) -> None:
    job = await at.home.begun()
    stream = await events(follow, job, tick=SHORT)
    assert numbers(await first(stream, 2)) == [1, 2]
    assert await anext(stream) is None
    async with sqlite_home(tmp_path) as elsewhere:  # has a feed of its own
        await elsewhere.ledger.finish(job, an_ending(), None)
    assert numbers(await heard(stream)) == [3]


async def test_stopping_ends_what_waits_and_what_is_still_asked_for(at: BatchHome, follow: FollowJob) -> None:
    job = await at.begun()
    told, shown = asyncio.Queue[Event](), asyncio.Queue[object]()
    listening = asyncio.create_task(passed_on(await events(follow, job), told))
    watching = asyncio.create_task(passed_on(await follow.standings(job.tenant, job.id, tick_seconds=LONG), shown))
    async with asyncio.timeout(60):
        assert numbers([await told.get(), await told.get()]) == [1, 2]
        await shown.get()
    waits = await events(follow, job)
    await first(waits, 2)
    asking = asyncio.ensure_future(anext(waits))
    await asyncio.sleep(0.05)
    follow.stop()
    async with asyncio.timeout(60):
        await asyncio.gather(listening, watching)
    assert told.empty()
    assert shown.empty()
    assert await asking is None
    assert await heard(waits) == []
    assert await heard(await events(follow, job)) == []


async def test_what_happens_while_nothing_is_found_is_not_missed(at: BatchHome) -> None:
    class Overtaken(SqlLedger):
        async def events(self, job_id: str, *, after: int, limit: int) -> Sequence[Event]:
            found = await super().events(job_id, after=after, limit=limit)
            if not found:
                await self.finish(job, an_ending(), None)
            return found

    job = await at.home.begun()
    ledger = Overtaken(at.home.database, queue=at.home.queue, feed=at.home.feed)
    assert numbers(await heard(await events(FollowJob(ledger=ledger, batches=at.batches), job))) == [1, 2, 3]


async def test_a_database_that_is_away_for_a_while_cuts_nobody_off(at: BatchHome) -> None:
    class Shaky(SqlLedger):
        away = False

        async def events(self, job_id: str, *, after: int, limit: int) -> Sequence[Event]:
            if self.away:
                raise LedgerUnavailableError("gone for a walk")
            return await super().events(job_id, after=after, limit=limit)

    job = await at.home.begun()
    ledger = Shaky(at.home.database, queue=at.home.queue, feed=at.home.feed)
    stream = await events(FollowJob(ledger=ledger, batches=at.batches), job, tick=SHORT)
    assert numbers(await first(stream, 2)) == [1, 2]
    ledger.away = True
    assert await anext(stream) is None
    await at.home.ledger.finish(job, an_ending(), None)
    assert await anext(stream) is None
    ledger.away = False
    assert numbers(await heard(stream)) == [3]


async def test_how_far_a_single_job_is(at: BatchHome, follow: FollowJob) -> None:
    job = await at.home.begun()
    stream = await follow.standings(job.tenant, job.id, tick_seconds=LONG)
    (running,) = await first(stream, 1)
    assert (running.stage, running.current, running.total) == (JobStage.PROCESSING, 0, 1)
    failed = an_ending(
        status=JobStatus.FAILED,
        output=None,
        error=JobError(code="invalid_image", message="no picture"),
        progress=Progress(failed=1),
    )
    await at.home.ledger.finish(job, failed, None)
    (ended,) = await heard(stream)
    assert ended == Standing(
        job_id=job.id,
        status=JobStatus.FAILED,
        stage=JobStage.FINISHED,
        current=1,
        total=1,
        progress=Progress(failed=1),
        error_code="invalid_image",
    )


async def test_how_far_a_batch_is_and_that_ticks_come_in_between(at: BatchHome, follow: FollowJob) -> None:
    job = await at.begun()
    stream = await follow.standings(job.tenant, job.id, tick_seconds=SHORT)
    assert [one.stage for one in await first(stream, 1)] == [JobStage.LISTING]
    assert await anext(stream) is None
    await at.listed(job, "shop/1.jpg", "shop/2.jpg")
    (listed,) = await first(stream, 1)
    assert (listed.stage, listed.current, listed.total, listed.percentage) == (JobStage.PROCESSING, 0, 2, 0.0)


async def test_who_looks_when_all_is_over_sees_just_the_end(at: BatchHome, follow: FollowJob) -> None:
    job, _ = await at.home.finished()
    (ended,) = await heard(await follow.standings(job.tenant, job.id, tick_seconds=LONG))
    assert ended.finished
