"""Every engine: work is run at once, in order, never twice at a time, and until it is done."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from service.domain.work import Again, WorkKind
from tests.contract.engine_suite import (
    CONCURRENCY,
    EngineHome,
    EngineSuite,
    Recorder,
    due,
    empty,
    heard_of_at_once,
)
from tests.patience import until


def soon(seconds: float = 0.05) -> Again:
    return Again(datetime.now(UTC) + timedelta(seconds=seconds))


class TestRunning(EngineSuite):
    async def test_work_runs_as_soon_as_it_is_durable_and_is_gone_once_done(self, home: EngineHome) -> None:
        recorder = Recorder()
        await home.start(job=recorder)
        await heard_of_at_once(home, recorder)
        await empty(home.engine)
        assert len(recorder.called) == len(set(recorder.called))

    async def test_work_that_was_there_before_the_start_is_taken_up(self, home: EngineHome) -> None:
        await home.hand_over(due("early"))
        recorder = Recorder()
        await home.start(job=recorder)
        await until(lambda: recorder.called == ["early"])

    async def test_work_waits_until_it_is_due(self, home: EngineHome) -> None:
        recorder = Recorder()
        await home.start(job=recorder)
        later = due("later", in_seconds=0.3)
        await home.hand_over(due("much later", in_seconds=3600))
        await home.hand_over(later)
        await until(lambda: bool(recorder.called))
        late = (datetime.now(UTC) - later.due_at).total_seconds()
        assert late >= 0
        assert recorder.called == ["later"]

    async def test_work_that_an_earlier_process_left_for_later_runs_when_it_is_due(self, home: EngineHome) -> None:
        await home.hand_over(due("later", in_seconds=0.3))
        recorder = Recorder()
        await home.start(job=recorder)
        await until(lambda: recorder.called == ["later"])

    async def test_a_handler_that_asks_is_called_again_at_the_moment_it_named(self, home: EngineHome) -> None:
        recorder = Recorder({"a": [soon(), soon(0)]})
        await home.start(job=recorder)
        await home.hand_over(due("a"))
        await until(lambda: recorder.called == ["a"] * 3)
        await empty(home.engine)

    @pytest.mark.parametrize("trouble", [ValueError("broken"), asyncio.CancelledError()])
    async def test_a_handler_that_fails_is_called_again_after_a_while(
        self, home: EngineHome, trouble: BaseException
    ) -> None:
        recorder = Recorder({"a": [trouble, trouble, trouble]})
        await home.start(job=recorder)
        with structlog.testing.capture_logs() as logs:
            await home.hand_over(due("a"))
            await until(lambda: recorder.called == ["a"] * 4)
        assert [line["failures"] for line in logs if line["event"] == "work failed"] == [1, 2, 3]
        await empty(home.engine)

    async def test_a_failure_is_durable(self, home: EngineHome) -> None:
        hold = asyncio.Event()
        failing = Recorder({"a": [ValueError("broken")]}, hold=hold)
        await home.start(job=failing)
        await home.hand_over(due("a"))
        await until(lambda: bool(failing.called))
        with structlog.testing.capture_logs() as logs:
            async with home.stopping():
                hold.set()
        assert "work failed" in [line["event"] for line in logs]
        assert await home.engine.depth() == {WorkKind.JOB: 1}
        recorder = Recorder()
        await home.restart(job=recorder)
        await until(lambda: recorder.called == ["a"])

    async def test_a_kind_without_a_handler_waits(self, home: EngineHome) -> None:
        recorder = Recorder()
        await home.start(delivery=recorder)
        await home.hand_over(due("a"))
        await home.hand_over(due("b", kind=WorkKind.DELIVERY))
        await until(lambda: recorder.called == ["b"])
        await until(lambda: home.engine.in_flight() == {WorkKind.DELIVERY: 0})
        assert await home.engine.depth() == {WorkKind.JOB: 1}

    async def test_handlers_do_not_see_the_context_of_who_handed_the_work_over(self, home: EngineHome) -> None:
        seen: list[dict[str, object]] = []

        async def handler(_work: object) -> None:
            seen.append(structlog.contextvars.get_contextvars())

        await home.start(job=handler)
        with structlog.contextvars.bound_contextvars(request_id="r"):
            await home.hand_over(due("a"))
            await until(lambda: bool(seen))
        assert seen == [{}]


class TestBounds(EngineSuite):
    async def test_a_lane_runs_as_many_as_it_may_and_others_are_not_held_up(self, home: EngineHome) -> None:
        jobs, deliveries = Recorder(hold=asyncio.Event()), Recorder()
        await home.start(job=jobs, delivery=deliveries)
        await home.hand_over(*[due(f"job-{n}") for n in range(30)])
        await until(lambda: len(jobs.called) == CONCURRENCY[WorkKind.JOB])
        await home.hand_over(due("delivery", kind=WorkKind.DELIVERY))
        await until(lambda: deliveries.called == ["delivery"])
        assert home.engine.in_flight()[WorkKind.JOB] == CONCURRENCY[WorkKind.JOB]
        assert (await home.engine.depth())[WorkKind.JOB] == 30
        assert jobs.hold is not None
        jobs.hold.set()
        await empty(home.engine)
        assert sorted(jobs.called) == sorted(f"job-{n}" for n in range(30))
        assert jobs.most_at_once == CONCURRENCY[WorkKind.JOB]

    async def test_what_is_more_urgent_goes_first(self, home: EngineHome) -> None:
        hold = asyncio.Event()
        recorder = Recorder(hold=hold)
        for ref, priority, age in (("low", -1, 9), ("old", 0, 5), ("new", 0, 1), ("high", 5, 0)):
            await home.hand_over(due(ref, kind=WorkKind.SHARD, in_seconds=-age, priority=priority))
        await home.start(shard=recorder)
        await until(lambda: len(recorder.called) == 1)
        await home.hand_over(due("urgent", kind=WorkKind.SHARD, priority=9))
        await home.hand_over(due("least", kind=WorkKind.SHARD, priority=-9))
        hold.set()
        await empty(home.engine)
        assert recorder.called == ["high", "urgent", "old", "new", "low", "least"]

    async def test_a_thousand_run_at_once(self, home: EngineHome) -> None:
        recorder = Recorder(hold=asyncio.Event())
        await home.start(delivery=recorder)
        await home.hand_over(*[due(f"d-{n}", kind=WorkKind.DELIVERY) for n in range(1000)])
        await until(lambda: home.engine.in_flight()[WorkKind.DELIVERY] == 1000)
        assert recorder.hold is not None
        recorder.hold.set()
        await empty(home.engine)
        assert len(recorder.called) == 1000

    async def test_a_thousand_overdue_pieces_are_worked_off_once_each(self, home: EngineHome) -> None:
        await home.hand_over(*[due(f"job-{n:05}", in_seconds=n - 20_000) for n in range(1_000)])
        recorder = Recorder()
        await home.start(job=recorder)
        await asyncio.gather(*(home.hand_over(due(f"new-{n}")) for n in range(100)))
        await empty(home.engine)
        assert len(set(recorder.called)) == len(recorder.called) == 1_100
        assert recorder.most_at_once <= CONCURRENCY[WorkKind.JOB]
        old = [ref for ref in recorder.called if ref.startswith("job-")]
        assert old == sorted(old)


class TestDeferringAnew(EngineSuite):
    async def test_work_deferred_anew_while_it_runs_runs_once_more_and_never_beside_itself(
        self, home: EngineHome
    ) -> None:
        hold = asyncio.Event()
        recorder = Recorder(hold=hold)
        await home.start(job=recorder)
        await home.hand_over(due("a"))
        await until(lambda: recorder.called == ["a"])
        for _ in range(3):
            await home.hand_over(due("a"))
        hold.set()
        await empty(home.engine)
        assert recorder.called == ["a", "a"]
        assert not recorder.overlapped

    async def test_it_runs_once_more_even_when_the_process_dies_before(self, home: EngineHome) -> None:
        hold = asyncio.Event()
        dying = Recorder(hold=hold)
        await home.start(job=dying)
        await home.hand_over(due("a"))
        await until(lambda: bool(dying.called))
        await home.hand_over(due("a"))
        async with home.stopping():
            hold.set()
        assert dying.called == ["a"]
        assert await home.engine.depth() == {WorkKind.JOB: 1}
        recorder = Recorder()
        await home.restart(job=recorder)
        await until(lambda: recorder.called == ["a"])
        await empty(home.engine)

    async def test_the_earlier_moment_counts(self, home: EngineHome) -> None:
        hold = asyncio.Event()
        recorder = Recorder({"a": [soon(3600)]}, hold=hold)
        await home.start(job=recorder)
        await home.hand_over(due("a", in_seconds=3600))
        await home.hand_over(due("a"))
        await until(lambda: recorder.called == ["a"])
        await home.hand_over(due("a"))
        hold.set()
        await until(lambda: recorder.called == ["a", "a"])

    async def test_no_wake_up_is_lost_however_the_moments_fall(self, home: EngineHome) -> None:
        wanted: dict[str, int] = {}
        seen: dict[str, int] = {}

        async def handler(work: object) -> None:
            ref = work.ref  # type: ignore[attr-defined]
            before = wanted.get(ref, 0)
            await asyncio.sleep(0.001)
            seen[ref] = before

        async def demand(ref: str) -> None:
            for number in range(1, 31):
                wanted[ref] = number
                await home.hand_over(due(ref))
                await asyncio.sleep(0.0005 * (number % 5))

        await home.start(job=handler)
        await asyncio.gather(*(demand(f"r{n}") for n in range(20)))
        await empty(home.engine)
        assert seen == wanted


class TestInterrupting(EngineSuite):
    async def test_a_handler_is_canceled_and_has_let_go_when_that_returns(self, home: EngineHome) -> None:
        recorder = Recorder(hold=asyncio.Event())
        await home.start(job=recorder)
        await home.hand_over(due("a"))
        await until(lambda: recorder.called == ["a"])
        await asyncio.gather(*(home.engine.interrupt(WorkKind.JOB, "a") for _ in range(3)))
        assert recorder.canceled == ["a"]
        assert recorder.running["a"] == 0
        recorder.hold = None
        await until(lambda: recorder.called == ["a", "a"])
        await empty(home.engine)

    async def test_what_does_not_run_cannot_be_interrupted(self, home: EngineHome) -> None:
        await home.engine.interrupt(WorkKind.JOB, "a")
        await home.start(job=Recorder())
        await home.engine.interrupt(WorkKind.JOB, "a")

    async def test_a_handler_may_finish_in_spite_of_it(self, home: EngineHome) -> None:
        begun = asyncio.Event()

        async def stubborn(_work: object) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await asyncio.sleep(0)

        await home.start(job=stubborn)
        await home.hand_over(due("a"))
        await begun.wait()
        await home.engine.interrupt(WorkKind.JOB, "a")
        await empty(home.engine)


class TestStopping(EngineSuite):
    async def test_what_runs_may_finish_and_nothing_new_begins(self, home: EngineHome) -> None:
        recorder = Recorder(hold=asyncio.Event())
        await home.start(job=recorder)
        await home.hand_over(*[due(f"job-{n}") for n in range(10)])
        await until(lambda: len(recorder.called) == 4)
        async with home.stopping():
            await home.hand_over(due("late"))
            assert recorder.hold is not None
            recorder.hold.set()
        assert len(recorder.called) == 4
        assert recorder.canceled == []
        assert await home.engine.depth() == {WorkKind.JOB: 7}

    async def test_what_does_not_finish_in_time_is_canceled_and_runs_again(self, home: EngineHome) -> None:
        recorder = Recorder(hold=asyncio.Event())
        await home.start(job=recorder)
        await home.hand_over(due("a"))
        await until(lambda: recorder.called == ["a"])
        await home.engine.stop(grace_seconds=0.05)
        assert recorder.canceled == ["a"]
        again = Recorder()
        await home.restart(job=again)
        await until(lambda: again.called == ["a"])
        await empty(home.engine)

    async def test_an_engine_that_is_not_started_stops(self, home: EngineHome) -> None:
        await home.engine.stop(grace_seconds=1)
        assert home.engine.in_flight() == {}
