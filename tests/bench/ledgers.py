"""Ledgers that hold many finished jobs, on either database, and what a worker takes from them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import psycopg
from procrastinate.jobs import Job as Entry
from sqlalchemy import Column, ColumnElement, Connection, String, Table, cast, func, insert, literal, select, text, true

from service.domain.deliveries import DeliveryState
from service.domain.work import Work, WorkKind
from service.engine.embedded import EmbeddedEngine
from service.engine.procrastinate import ProcrastinateEngine
from service.engine.queue import Queue
from service.engine.queue_schema import migrate_queue
from service.ledger.database import Database
from service.ledger.ledger import SqlLedger
from service.ledger.migration import migrate, migrate_postgres
from service.ledger.postgres import PostgresDatabase
from service.ledger.postgres_connections import connection_parameters
from service.ledger.schema import attempts, deliveries, delivery_attempts, events, idempotency_keys, jobs
from service.ledger.sqlite import SqliteDatabase
from service.ledger.work import SqlWorkStore
from service.ports.ledger import IdempotencyKey
from tests.contract.ledger_suite import NOW, SystemClock, a_delivery, a_job, a_try, an_attempt, an_ending

_CLOCK = SystemClock()
_OLDER = "018d00000000700080000000"  # the first digits of version 7 UUIDs of January 2024
_BASE = 10**8  # and then the number of the copy, in eight digits


class Worker(Protocol):
    """Takes work on jobs, one piece at a time."""

    async def take(self) -> str:
        """The id of a job that is now to be begun."""
        ...

    async def done(self) -> None:
        """What was taken is done."""
        ...


@dataclass(frozen=True, slots=True)
class Home:
    """A ledger, and a worker on its queue."""

    ledger: SqlLedger
    worker: Worker


class _QueueWorker:
    """A worker on Procrastinate's queue."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._entry: Entry | None = None

    async def take(self) -> str:
        (self._entry,) = await self._queue.take(WorkKind.JOB)
        return str(self._entry.task_kwargs["ref"])

    async def done(self) -> None:
        assert self._entry is not None
        await self._queue.finish(self._entry)


class _StoreWorker:
    """A worker on the ledger's own table."""

    def __init__(self, store: SqlWorkStore) -> None:
        self._store = store
        self._work: Work | None = None

    async def take(self) -> str:
        self._work = (await self._store.due(WorkKind.JOB, datetime.now(UTC), 1))[0]
        return self._work.ref

    async def done(self) -> None:
        assert self._work is not None
        await self._store.done(self._work)


@asynccontextmanager
async def postgres_ledger(url: str, *, finished: int) -> AsyncIterator[Home]:
    """One in an empty database, with so many finished jobs."""
    await asyncio.to_thread(migrate_postgres, url, migrate_queue)
    database, queue = PostgresDatabase(url), Queue(connection_parameters(url))
    await queue.open()
    try:
        await queue.enlist()
        engine = ProcrastinateEngine(queue=queue, clock=_CLOCK, concurrency={})
        home = Home(SqlLedger(database, queue=engine), _QueueWorker(queue))
        await _fill(home, database, finished)
        await asyncio.to_thread(_vacuum, url)
        yield home
    finally:
        await queue.close()
        await database.close()


@asynccontextmanager
async def sqlite_ledger(folder: Path, *, finished: int) -> AsyncIterator[Home]:
    """One in a file, with so many finished jobs."""
    path = folder / "afterimage.db"
    await asyncio.to_thread(migrate, path)
    database = SqliteDatabase(path)
    try:
        store = SqlWorkStore(database)
        engine = EmbeddedEngine(store=store, clock=_CLOCK, concurrency={})
        home = Home(SqlLedger(database, queue=engine), _StoreWorker(store))
        await _fill(home, database, finished)
        await asyncio.to_thread(_checkpoint, path)
        yield home
    finally:
        await database.close()


def finished_id(number: int) -> str:
    """The id of one of the finished jobs, which are numbered from 1."""
    return f"job_{_OLDER}{number:08d}"


async def _fill(home: Home, database: Database, finished: int) -> None:
    """Bring one job to its end, and copy it with all that belongs to it."""
    job = a_job()
    await home.ledger.accept(job, idempotency=IdempotencyKey("key", "fingerprint"))
    begun = await home.ledger.begin(await home.worker.take(), now=NOW)
    assert begun is not None
    await home.ledger.begin_attempt(begun, an_attempt())
    delivery = a_delivery(begun)
    ending = an_ending(attempt=an_attempt(ended_at=NOW, outcome="succeeded"))
    assert await home.ledger.finish(begun, ending, delivery)
    await home.ledger.record_delivery(delivery, a_try(), state=DeliveryState.DELIVERED, next_attempt_at=None)
    await home.worker.done()
    await database.write(lambda connection: _copy(connection, job.id, delivery.id, finished))


def _copy(connection: Connection, job_id: str, delivery_id: str, count: int) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # foreign keys hold by themselves
    first = select(literal(1).label("n")).cte("numbers", recursive=True)
    numbers = first.union_all(select(first.c.n + 1).where(first.c.n < count))
    suffix = _OLDER + func.substr(cast(numbers.c.n + _BASE, String), 2)
    copies: Mapping[str, ColumnElement[str]] = {job_id: "job_" + suffix, delivery_id: "msg_" + suffix}
    renewed: Mapping[Table, Mapping[Column[str], str]] = {
        jobs: {jobs.c.id: job_id},
        events: {events.c.job_id: job_id},
        attempts: {attempts.c.job_id: job_id},
        idempotency_keys: {idempotency_keys.c.job_id: job_id},
        deliveries: {deliveries.c.job_id: job_id, deliveries.c.id: delivery_id},
        delivery_attempts: {delivery_attempts.c.delivery_id: delivery_id},
    }
    for table, ids in renewed.items():
        values = [copies[ids[column]] if column in ids else column for column in table.c]
        if table is idempotency_keys:
            values[list(table.c).index(table.c.key)] = copies[job_id]
        one = [column == value for column, value in ids.items()]
        connection.execute(
            insert(table).from_select(
                [column.name for column in table.c],
                select(*values).select_from(table.join(numbers, true())).where(*one),
            )
        )


def _vacuum(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")  # what autovacuum does in time
        connection.execute("CHECKPOINT")


def _checkpoint(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
