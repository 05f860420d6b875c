"""What only this engine's lanes can get into: a store that is away, and more work than memory keeps."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import structlog

from service.domain.work import WorkKind
from tests.contract.engine_suite import EngineHome, Recorder, due, embedded_home, empty
from tests.patience import until


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[EngineHome]:
    async with embedded_home(tmp_path) as home:
        yield home


@contextmanager
def table_away(folder: Path) -> Iterator[None]:
    """Take the table of work from under the engine for a while."""
    with closing(sqlite3.connect(folder / "afterimage.db", isolation_level=None)) as operator:
        operator.execute("ALTER TABLE work RENAME TO away")
        try:
            yield
        finally:
            operator.execute("ALTER TABLE away RENAME TO work")


async def test_a_store_that_cannot_be_read_is_asked_again(home: EngineHome, tmp_path: Path) -> None:
    await home.hand_over(due("a"))
    recorder = Recorder()
    with structlog.testing.capture_logs() as logs, table_away(tmp_path):
        await home.start(job=recorder)
        await until(lambda: bool(logs))
    assert logs[0]["event"] == "the store of work cannot be read"
    await until(lambda: recorder.called == ["a"])
    await empty(home.engine)


async def test_a_store_that_cannot_be_written_is_told_again_and_nothing_runs_meanwhile(
    home: EngineHome, tmp_path: Path
) -> None:
    recorder = Recorder(hold=asyncio.Event())
    await home.start(job=recorder)
    await home.hand_over(due("a"))
    await until(lambda: recorder.called == ["a"])
    assert recorder.hold is not None
    with structlog.testing.capture_logs() as logs, table_away(tmp_path):
        recorder.hold.set()
        await until(lambda: bool(logs))
        assert logs[0]["event"] == "the store of work cannot be written"
        assert home.engine.in_flight() == {WorkKind.JOB: 1}
    await empty(home.engine)
    assert recorder.called == ["a"]


async def test_a_stop_does_not_wait_for_a_store_that_is_away(home: EngineHome, tmp_path: Path) -> None:
    recorder = Recorder()
    await home.start(job=recorder)
    with structlog.testing.capture_logs() as logs:
        with table_away(tmp_path):
            home.engine.committed([due("a")])
            await until(lambda: bool(logs))
            await home.engine.stop(grace_seconds=0)
        assert home.engine.in_flight() == {WorkKind.JOB: 0}


async def test_what_arrives_beyond_memory_is_read_back_in_order(home: EngineHome) -> None:
    recorder = Recorder(hold=asyncio.Event())
    await home.start(job=recorder)
    for start in range(0, 600, 50):
        await home.hand_over(*[due(f"{n:03}", priority=-n) for n in range(start, start + 50)])
    await until(lambda: len(recorder.called) == 4)
    assert recorder.hold is not None
    recorder.hold.set()
    await empty(home.engine)
    assert recorder.called == [f"{n:03}" for n in range(600)]


async def test_what_arrives_while_the_store_is_read_is_not_forgotten(home: EngineHome) -> None:
    await home.hand_over(*[due(f"old-{n}") for n in range(300)])
    recorder = Recorder()
    await home.start(job=recorder)
    home.engine.committed([due(f"phantom-{n}") for n in range(150)])  # more than a lane notes while it reads
    await home.hand_over(*[due(f"new-{n}") for n in range(300)])
    await until(lambda: len({ref for ref in recorder.called if not ref.startswith("phantom")}) == 600)
    await empty(home.engine)
    assert len(recorder.called) == len(set(recorder.called))


async def test_an_earlier_moment_brings_the_awakening_forward(home: EngineHome) -> None:
    recorder = Recorder()
    await home.start(job=recorder)
    await home.hand_over(due("later", in_seconds=60))
    await home.hand_over(due("sooner", in_seconds=0.05))
    await until(lambda: recorder.called == ["sooner"] and home.engine.in_flight() == {WorkKind.JOB: 0})
    assert await home.engine.depth() == {WorkKind.JOB: 1}


async def test_a_handler_that_has_not_begun_does_not_begin(home: EngineHome) -> None:
    recorder = Recorder()
    await home.start(job=recorder)
    await home.hand_over(due("b"), due("a", in_seconds=60))
    await until(lambda: recorder.called == ["b"] and home.engine.in_flight()[WorkKind.JOB] == 0)
    home.engine.committed([due("a")])
    await home.engine.interrupt(WorkKind.JOB, "a")
    assert recorder.called == ["b"]
    await until(lambda: recorder.called == ["b", "a"])
