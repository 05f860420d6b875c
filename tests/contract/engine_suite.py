"""What every engine is put through: a home where work is handed over, run, and found again after a restart."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from service.domain.work import Again, Work, WorkKind
from service.engine.backoff import Backoff
from service.engine.embedded import EmbeddedEngine
from service.engine.procrastinate import ProcrastinateEngine
from service.engine.queue import Queue
from service.engine.watch import Rhythm
from service.ledger.database import Database
from service.ledger.postgres import PostgresDatabase
from service.ledger.postgres_connections import connection_parameters
from service.ports.engine import Engine, Handler, WorkQueue
from tests.contract.ledger_suite import SystemClock, sqlite_home
from tests.patience import PATIENCE_SECONDS, until

RHYTHM = Rhythm()  # the engine's own: with a quicker one, what a busy machine takes a while to answer seems lost
BACKOFF = Backoff(first_seconds=0.05, longest_seconds=0.2)
CONCURRENCY = {WorkKind.JOB: 4, WorkKind.SHARD: 1, WorkKind.DELIVERY: 1000, WorkKind.HOUSEKEEPING: 1}


class QueueingEngine(Engine, WorkQueue, Protocol):
    """What a process has: the engine, which is also where the ledger puts work."""


@dataclass
class EngineHome:
    """Engines over one database, one at a time."""

    database: Database
    build: Callable[[], Awaitable[QueueingEngine]]
    engine: QueueingEngine

    async def hand_over(self, *work: Work) -> None:
        """Queue any number of pieces in one transaction, as a ledger does it."""
        await self.database.write(
            lambda connection: self.engine.defer(connection, work), lambda _: self.engine.committed(work)
        )

    async def start(self, **handlers: Handler) -> None:
        """Start with handlers given by the names of their kinds in small letters."""
        await self.engine.start({WorkKind(name): handler for name, handler in handlers.items()})

    @asynccontextmanager
    async def stopping(self) -> AsyncIterator[None]:
        """Nothing new begins any more; leaving waits until what runs has ended."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.engine.stop(grace_seconds=PATIENCE_SECONDS))
            await asyncio.sleep(0)
            yield

    async def restart(self, **handlers: Handler) -> None:
        """Stop at once and go on as a new process would."""
        await self.engine.stop(grace_seconds=0)
        self.engine = await self.build()
        await self.start(**handlers)


@asynccontextmanager
async def embedded_home(folder: Path) -> AsyncIterator[EngineHome]:
    async with sqlite_home(folder) as ledger_home:

        async def build() -> EmbeddedEngine:
            return EmbeddedEngine(
                store=ledger_home.store, clock=SystemClock(), concurrency=CONCURRENCY, backoff=BACKOFF
            )

        home = EngineHome(ledger_home.database, build, await build())
        yield home
        await home.engine.stop(grace_seconds=0)


@asynccontextmanager
async def procrastinate_home(url: str, *, rhythm: Rhythm = RHYTHM) -> AsyncIterator[EngineHome]:
    """On a database that has the queue's tables."""
    async with AsyncExitStack() as stack:
        database = PostgresDatabase(url)
        stack.push_async_callback(database.close)

        async def build() -> ProcrastinateEngine:
            queue = Queue(connection_parameters(url))
            await queue.open()
            stack.push_async_callback(queue.close)
            return ProcrastinateEngine(
                queue=queue, clock=SystemClock(), concurrency=CONCURRENCY, backoff=BACKOFF, rhythm=rhythm
            )

        home = EngineHome(database, build, await build())
        yield home
        await home.engine.stop(grace_seconds=0)


class EngineSuite:
    """Tests that inherit this run on every engine."""

    @pytest.fixture(params=["embedded", "procrastinate"])
    async def home(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EngineHome]:
        if request.param == "embedded":
            opened = embedded_home(tmp_path)
        else:
            opened = procrastinate_home(request.getfixturevalue("fleet_url"))
        async with opened as home:
            yield home


def due(ref: str, *, kind: WorkKind = WorkKind.JOB, in_seconds: float = 0, priority: int = 0) -> Work:
    at = datetime.now(UTC) + timedelta(seconds=in_seconds)
    return Work(kind=kind, ref=ref, due_at=at, priority=priority)


async def empty(engine: Engine) -> None:
    """Wait until no work is left."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await engine.depth():
            await asyncio.sleep(0.005)


async def heard_of_at_once(home: EngineHome, recorder: Recorder) -> None:
    """Hand work over until a piece has begun so soon that it was not merely come upon.

    Who does not hear of work looks for it a second after the last time; that time is over when one begins here.
    """
    wait_seconds = 1.0
    for number in range(100):
        await asyncio.sleep(0.1)
        wait_seconds = await _seconds_until_it_begins(home, recorder, f"job-{number}")
        if number and wait_seconds < 0.5:
            return
    pytest.fail(f"the last one waited for {wait_seconds} s")


async def _seconds_until_it_begins(home: EngineHome, recorder: Recorder, ref: str) -> float:
    begun = time.perf_counter()
    await home.hand_over(due(ref))
    await until(lambda: ref in recorder.called)
    return time.perf_counter() - begun


@dataclass
class Recorder:
    """A handler that notes its calls and answers as told."""

    answers: Mapping[str, list[Again | BaseException]] = field(default_factory=dict)
    hold: asyncio.Event | None = None
    called: list[str] = field(default_factory=list)
    running: Counter[str] = field(default_factory=Counter)
    most_at_once: int = 0
    overlapped: bool = False
    canceled: list[str] = field(default_factory=list)

    async def __call__(self, work: Work) -> Again | None:
        self.called.append(work.ref)
        self.running[work.ref] += 1
        self.overlapped |= self.running[work.ref] > 1
        self.most_at_once = max(self.most_at_once, self.running.total())
        try:
            await (asyncio.sleep(0) if self.hold is None else self.hold.wait())
        except asyncio.CancelledError:
            self.canceled.append(work.ref)
            raise
        finally:
            self.running[work.ref] -= 1
        answers = self.answers.get(work.ref)
        answer = answers.pop(0) if answers else None
        if isinstance(answer, BaseException):
            raise answer
        return answer
