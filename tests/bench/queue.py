"""Short jobs through the service's queue and ledger, beside a plain Procrastinate task that updates the same rows.

What is compared is the bookkeeping alone: a job is taken, noted as running, noted as finished, and gone from the queue.
The plain task does so with two UPDATEs. The service does it under a lock and a run number, asks whether the work is
still its own, writes two events and tells of them; what comes at the same moment it writes down together. Neither calls
a provider or a receiver. Both have the same rows in databases of the same server, as many processes, and as many jobs
at a time in each.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Protocol

from procrastinate import App
from sqlalchemy import Connection, Row, func, insert, select

from service.domain.identifiers import new_job_id
from service.domain.jobs import Contract, Job, Source
from service.domain.objects import ObjectRef
from service.domain.work import Work, WorkKind
from service.engine.procrastinate import ProcrastinateEngine
from service.engine.queue import Queue
from service.engine.queue_schema import migrate_queue
from service.ledger import accepting
from service.ledger.accepting import Acceptance
from service.ledger.ledger import SqlLedger
from service.ledger.migration import migrate_postgres
from service.ledger.postgres import PostgresDatabase
from service.ledger.postgres_connections import connection_parameters
from service.ledger.rows import job_values
from service.ledger.schema import jobs
from tests.bench.queue_worker import PLAIN, SystemClock, plain_app
from tests.bench.report import Report, Target
from tests.bench.rivals import ROOT
from tests.servers.postgres import PostgresServer
from tests.servers.processes import ChildProcess

_WARM_UP = 20
_PATIENCE_SECONDS = 300.0
_POLL_SECONDS = 0.1
_PAUSE_SECONDS = 0.05
_LEAST_RATIO = 0.8
_CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class _Figures:
    """Jobs a second when many wait, and milliseconds from the request to the end of each job that came alone."""

    rate: float
    alone_ms: Sequence[float]


class _Queueing(Protocol):
    """How one of the two is given work."""

    async def fill(self, made: Sequence[Job]) -> None:
        """Write jobs down and queue them, so that all may be taken at one moment."""
        ...

    async def add(self, job: Job) -> None:
        """Write one job down and queue it."""
        ...


class _Service:
    """Queues jobs as the service does."""

    def __init__(self, database: PostgresDatabase, engine: ProcrastinateEngine) -> None:
        self._database = database
        self._engine = engine
        self._ledger = SqlLedger(database, queue=engine)

    async def fill(self, made: Sequence[Job]) -> None:
        def body(connection: Connection) -> None:
            accepting.record(connection, [Acceptance(job, None) for job in made])
            self._engine.defer(connection, [Work(kind=WorkKind.JOB, ref=job.id, due_at=job.created_at) for job in made])

        await self._database.write(body)

    async def add(self, job: Job) -> None:
        await self._ledger.accept(job)


class _Plain:
    """Writes the same rows, and defers a task for each."""

    def __init__(self, database: PostgresDatabase, app: App) -> None:
        self._database = database
        self._deferrer = app.configure_task(PLAIN, queue=PLAIN)

    async def fill(self, made: Sequence[Job]) -> None:
        await self._insert(made)
        await self._deferrer.batch_defer_async(*({"job_id": job.id} for job in made))

    async def add(self, job: Job) -> None:
        await self._insert([job])
        await self._deferrer.defer_async(job_id=job.id)

    async def _insert(self, made: Sequence[Job]) -> None:
        rows = [job_values(job) for job in made]
        await self._database.write(lambda connection: connection.execute(insert(jobs), rows) and None)


Opening = Callable[[str, PostgresDatabase], AbstractAsyncContextManager[_Queueing]]


@asynccontextmanager
async def _service(url: str, database: PostgresDatabase) -> AsyncIterator[_Queueing]:
    queue = Queue(connection_parameters(url))
    await queue.open()
    try:
        yield _Service(database, ProcrastinateEngine(queue=queue, clock=_CLOCK, concurrency={}))
    finally:
        await queue.close()


@asynccontextmanager
async def _plain(url: str, database: PostgresDatabase) -> AsyncIterator[_Queueing]:
    async with plain_app(url).open_async() as app:
        yield _Plain(database, app)


async def measure(*, jobs: int, processes: int, concurrency: int, samples: int, rounds: int) -> Report:
    """Both in turn, each round with fresh databases and processes; the ratio is taken within a round."""
    ours: list[_Figures] = []
    theirs: list[_Figures] = []
    pair: list[tuple[str, Opening, list[_Figures]]] = [(PLAIN, _plain, theirs), ("service", _service, ours)]
    with PostgresServer(durable=True) as server:
        template = server.create_database("template")
        await asyncio.to_thread(migrate_postgres, server.url(template), migrate_queue)
        for _ in range(rounds):
            pair.reverse()
            for kind, opening, figures in pair:
                url = server.url(server.create_database(template=template))
                figures.append(await _measured(kind, opening, url, jobs, processes, concurrency, samples))
    ratios = [our.rate / their.rate for our, their in zip(ours, theirs, strict=True)]
    alone = [median(ms for one in figures for ms in one.alone_ms) for figures in (ours, theirs)]
    return Report(
        title=f"{rounds} rounds of {jobs} short jobs on Postgres, {processes} processes with {concurrency} at a time",
        rows=[
            ("", "service", "plain task", "ratio"),
            (
                "jobs a second",
                f"{median(one.rate for one in ours):.0f}",
                f"{median(one.rate for one in theirs):.0f}",
                f"{median(ratios):.2f}",
            ),
            ("  lowest", *(f"{min(one.rate for one in of):.0f}" for of in (ours, theirs)), f"{min(ratios):.2f}"),
            ("one job alone, milliseconds", *(f"{ms:.1f}" for ms in alone), f"{alone[0] / alone[1]:.2f}"),
            ("  added to the plain task's", f"{alone[0] - alone[1]:.1f}", "", ""),
        ],
        targets=[
            Target(f"at least {_LEAST_RATIO} times the jobs a second of the plain task", median(ratios) >= _LEAST_RATIO)
        ],
    )


async def _measured(
    kind: str, opening: Opening, url: str, jobs: int, processes: int, concurrency: int, samples: int
) -> _Figures:
    async with AsyncExitStack() as stack:
        database = PostgresDatabase(url, connections=4)
        stack.push_async_callback(database.close)
        queueing = await stack.enter_async_context(opening(url, database))
        folder = Path(stack.enter_context(TemporaryDirectory()))
        options = ["-m", "tests.bench.queue_worker", "--kind", kind, "--url", url, "--concurrency", str(concurrency)]
        workers = [ChildProcess(options, env={}, cwd=ROOT, log=folder / f"{n}.log") for n in range(processes)]
        for worker in workers:
            worker.spawn()
            stack.push_async_callback(worker.end, gently=False)
        for worker in workers:
            await worker.first_line()
        await queueing.fill([_job() for _ in range(_WARM_UP * processes)])
        await _all_ended(database)
        alone = [await _alone(database, queueing) for _ in range(samples)]
        wanted = [_job() for _ in range(jobs)]
        await queueing.fill(wanted)
        await _all_ended(database)
        first, last = await _span(database, wanted)
        return _Figures(rate=jobs / (last - first), alone_ms=alone)


async def _alone(database: PostgresDatabase, queueing: _Queueing) -> float:
    job = _job()
    await queueing.add(job)
    await asyncio.sleep(_PAUSE_SECONDS)  # asking meanwhile would only be in its way
    await _all_ended(database)
    _, ended = await _span(database, [job])
    return (ended - job.created_at.timestamp()) * 1000


async def _all_ended(database: PostgresDatabase) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        question = select(func.count()).select_from(jobs).where(jobs.c.finished_at.is_(None))
        while await database.read(lambda connection: connection.execute(question).scalar_one()):
            await asyncio.sleep(_POLL_SECONDS)


async def _span(database: PostgresDatabase, wanted: Sequence[Job]) -> tuple[float, float]:
    """When the first of these jobs was begun, and when the last ended, in Unix seconds."""
    question = select(jobs.c.started_at, jobs.c.finished_at).where(jobs.c.id.in_([job.id for job in wanted]))
    rows: Sequence[Row[tuple[object, ...]]] = await database.read(lambda connection: connection.execute(question).all())
    assert len(rows) == len(wanted)
    return min(row.started_at for row in rows).timestamp(), max(row.finished_at for row in rows).timestamp()


def _job() -> Job:
    job_id = new_job_id()
    return Job(
        id=job_id,
        tenant="bench",
        contract=Contract.JOBS,
        operation="edit",
        prompt="Make it orange",
        source=Source(object=ObjectRef("pictures", f"sources/{job_id}"), owned=True, mime_type="image/jpeg"),
        target=ObjectRef("pictures", f"{job_id}/picture_modified.png"),
        created_at=_CLOCK.now(),
    )
