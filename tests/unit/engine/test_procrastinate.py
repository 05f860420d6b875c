"""What only an engine of many processes can get into: others that work, die, and a database that goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import structlog

from service.domain.work import Again, WorkKind
from service.engine.procrastinate import ProcrastinateEngine
from service.engine.queue import Queue
from service.engine.watch import Rhythm
from service.ledger.postgres_connections import connection_parameters
from service.ports.clock import Clock
from service.ports.ledger import LedgerUnavailableError
from tests.contract.engine_suite import (
    BACKOFF,
    CONCURRENCY,
    EngineHome,
    Recorder,
    due,
    empty,
    heard_of_at_once,
    procrastinate_home,
)
from tests.contract.ledger_suite import SystemClock
from tests.patience import until
from tests.servers.postgres import PostgresServer

_RHYTHM = Rhythm(beat_seconds=0.1, silent_seconds=1)

Join = Callable[..., Awaitable[ProcrastinateEngine]]


class LeapingClock:
    """The system's time, and what it has leaped ahead since."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
async def home(fleet_url: str) -> AsyncIterator[EngineHome]:
    async with procrastinate_home(fleet_url, rhythm=_RHYTHM) as home:
        yield home


@pytest.fixture
async def open_queue(fleet_url: str) -> AsyncIterator[Callable[[], Awaitable[Queue]]]:
    async with AsyncExitStack() as stack:

        async def open_() -> Queue:
            queue = Queue(connection_parameters(fleet_url))
            await queue.open()
            stack.push_async_callback(queue.close)
            return queue

        yield open_


@pytest.fixture
async def join(home: EngineHome, open_queue: Callable[[], Awaitable[Queue]]) -> AsyncIterator[Join]:
    """Starts further engines, as other processes would, with a handler of jobs or without any."""
    async with AsyncExitStack() as stack:

        async def start(
            handler: Recorder | None = None, *, queue: Queue | None = None, clock: Clock | None = None
        ) -> ProcrastinateEngine:
            engine = ProcrastinateEngine(
                queue=queue or await open_queue(),
                clock=clock or SystemClock(),
                concurrency=CONCURRENCY,
                backoff=BACKOFF,
                rhythm=_RHYTHM,
            )
            stack.push_async_callback(engine.stop, grace_seconds=0)
            await engine.start({} if handler is None else {WorkKind.JOB: handler})
            return engine

        yield start


class TestSharing:
    async def test_every_piece_runs_once_wherever_that_is(self, home: EngineHome, join: Join) -> None:
        recorder = Recorder()
        for _ in range(3):
            await join(recorder)
        await asyncio.gather(*(home.hand_over(*[due(f"{group}-{n}") for n in range(10)]) for group in range(30)))
        await empty(home.engine)
        assert len(recorder.called) == len(set(recorder.called)) == 300

    async def test_the_same_ref_never_runs_in_two_processes_at_a_time(self, home: EngineHome, join: Join) -> None:
        recorder = Recorder()
        for _ in range(3):
            await join(recorder)
        for _ in range(50):
            await home.hand_over(due("a"), due("b"))
        await empty(home.engine)
        assert not recorder.overlapped
        assert {"a", "b"} == set(recorder.called)

    async def test_another_process_hears_of_work_at_once(self, home: EngineHome, join: Join) -> None:
        recorder = Recorder()
        await join(recorder)
        await heard_of_at_once(home, recorder)

    async def test_work_of_a_transaction_that_is_rolled_back_never_was(self, home: EngineHome) -> None:
        def body(connection: object) -> None:
            home.engine.defer(connection, [due("a"), due("a"), due("b")])  # type: ignore[arg-type]
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await home.database.write(body)
        assert await home.engine.depth() == {}

    async def test_a_process_without_handlers_queues_and_watches(self, home: EngineHome, join: Join) -> None:
        recorder = Recorder()
        await home.start()
        await home.hand_over(due("a"), due("b", kind=WorkKind.DELIVERY))
        assert home.engine.in_flight() == {}
        await join(recorder)
        await until(lambda: recorder.called == ["a"])


class TestInterrupting:
    async def test_a_handler_is_canceled_wherever_it_runs(self, home: EngineHome, join: Join) -> None:
        recorder = Recorder(hold=asyncio.Event())
        await join(recorder)
        await home.hand_over(due("a"))
        await until(lambda: recorder.called == ["a"])
        await asyncio.gather(*(home.engine.interrupt(WorkKind.JOB, "a") for _ in range(3)))
        assert recorder.canceled == ["a"]
        assert recorder.running["a"] == 0
        recorder.hold = None
        await until(lambda: recorder.called == ["a", "a"])
        await empty(home.engine)

    async def test_an_interruption_that_nobody_heard_of_is_found_in_the_queue(
        self, home: EngineHome, join: Join, fleet_url: str
    ) -> None:
        recorder = Recorder(hold=asyncio.Event())
        await join(recorder)
        await home.hand_over(due("a"))
        await until(lambda: recorder.called == ["a"])
        async with await psycopg.AsyncConnection.connect(fleet_url) as operator:
            await operator.execute("ALTER TABLE procrastinate_jobs DISABLE TRIGGER USER")
            await operator.execute("UPDATE procrastinate_jobs SET abort_requested = true")
            await operator.execute("ALTER TABLE procrastinate_jobs ENABLE TRIGGER USER")
        await until(lambda: recorder.canceled == ["a"])


class TestTakingOver:
    async def test_work_of_a_worker_that_is_not_heard_of_is_taken_over(
        self, home: EngineHome, join: Join, open_queue: Callable[[], Awaitable[Queue]]
    ) -> None:
        dead = await open_queue()
        await dead.enlist()
        await home.hand_over(due("a", priority=3))
        (entry,) = await dead.take(WorkKind.JOB)
        await home.hand_over(due("a"))  # once more, while it runs
        recorder = Recorder()
        for _ in range(3):
            await join(recorder)
        await until(lambda: bool(recorder.called))
        await empty(home.engine)
        assert set(recorder.called) == {"a"}
        assert not recorder.overlapped
        assert await dead.finish(entry) is False
        assert await dead.put_back(entry, due_at=None) is False
        assert await home.engine.depth() == {}

    async def test_work_that_was_interrupted_and_left_behind_is_not_lost(
        self, home: EngineHome, join: Join, open_queue: Callable[[], Awaitable[Queue]]
    ) -> None:
        dead = await open_queue()
        await dead.enlist()
        await home.hand_over(due("a"))
        (entry,) = await dead.take(WorkKind.JOB)
        assert entry.id is not None
        await dead.abort(entry.id)
        recorder = Recorder()
        await join(recorder)
        await until(lambda: recorder.called == ["a"])

    async def test_what_a_worker_resigned_from_is_free_at_once(
        self, home: EngineHome, join: Join, open_queue: Callable[[], Awaitable[Queue]]
    ) -> None:
        leaving = await open_queue()
        await leaving.enlist()
        await home.hand_over(due("a"))
        assert await leaving.take(WorkKind.JOB)
        await leaving.resign()
        recorder = Recorder()
        await join(recorder)
        await until(lambda: recorder.called == ["a"])

    async def test_an_entry_whose_taking_was_not_heard_of_is_found_again(
        self, home: EngineHome, join: Join, open_queue: Callable[[], Awaitable[Queue]]
    ) -> None:
        queue, recorder = await open_queue(), Recorder()
        await join(recorder, queue=queue)
        await home.hand_over(due("a", kind=WorkKind.DELIVERY))
        await queue.take(WorkKind.DELIVERY)  # as if the answer had been lost
        second = Recorder()
        await home.start(delivery=second)
        await until(lambda: second.called == ["a"])

    async def test_a_worker_whose_row_is_gone_becomes_one_anew(
        self, home: EngineHome, join: Join, fleet_url: str
    ) -> None:
        recorder = Recorder()
        await join(recorder)
        async with await psycopg.AsyncConnection.connect(fleet_url) as operator:
            await operator.execute("DELETE FROM procrastinate_workers")
        with structlog.testing.capture_logs():
            await home.hand_over(due("a"))
            await until(lambda: recorder.called == ["a"])

    async def test_who_was_silent_for_too_long_knows_what_it_may_have_lost(self, home: EngineHome, join: Join) -> None:
        clock = LeapingClock()
        engine = await join(Recorder(), clock=clock)
        assert not engine.may_have_lost(timedelta(hours=1))
        clock.ahead = timedelta(minutes=1)
        assert engine.may_have_lost(timedelta(seconds=1))
        await until(lambda: not engine.may_have_lost(timedelta(0)))  # heard of again
        assert engine.may_have_lost(timedelta(minutes=1))


async def test_who_was_away_takes_nobody_for_dead_who_was_away_too(
    home: EngineHome, join: Join, fleet_url: str
) -> None:
    held, taken = Recorder(hold=asyncio.Event()), Recorder()
    clock = LeapingClock()
    await join(taken, clock=clock)
    await asyncio.sleep(_RHYTHM.silent_seconds)  # from now on it would take over from who is silent
    await home.start(delivery=held)
    await home.hand_over(due("a", kind=WorkKind.DELIVERY))
    await until(lambda: held.called == ["a"])
    with structlog.testing.capture_logs() as logs:
        clock.ahead = timedelta(minutes=1)
        async with await psycopg.AsyncConnection.connect(fleet_url, autocommit=True) as operator:
            for _ in range(10):
                await operator.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
                await asyncio.sleep(_RHYTHM.beat_seconds / 2)
    assert "work is taken over" not in {line["event"] for line in logs}


async def test_work_goes_on_after_the_database_was_away(postgres: PostgresServer, home: EngineHome) -> None:
    recorder = Recorder({"again": [Again(datetime.now(UTC))]}, hold=asyncio.Event())
    await home.start(job=recorder)
    await home.hand_over(due("done"), due("again"))
    await until(lambda: len(recorder.called) == 2)
    assert recorder.hold is not None
    with structlog.testing.capture_logs() as logs:
        await asyncio.to_thread(postgres.crash)
        try:
            recorder.hold.set()
            with pytest.raises(LedgerUnavailableError, match="the queue cannot be used"):
                await home.engine.depth()
            await until(lambda: any(line["event"] == "the queue cannot be written" for line in logs))
            assert home.engine.in_flight() == {WorkKind.JOB: 2}
        finally:
            await asyncio.to_thread(postgres.start)
        await empty(home.engine)
        await home.hand_over(due("next"))
        await until(lambda: "next" in recorder.called)
    assert not recorder.overlapped
