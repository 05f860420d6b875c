"""What every ledger is put through: a home with a real database, and the nouns to fill it with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.domain.deliveries import Body, Delivery, DeliveryAttempt
from service.domain.identifiers import new_delivery_id, new_job_id
from service.domain.jobs import (
    Attempt,
    Contract,
    Ending,
    Fallback,
    Job,
    JobError,
    JobStatus,
    Output,
    OutputSource,
    Progress,
    Source,
)
from service.domain.objects import ObjectRef
from service.domain.work import Work, WorkKind
from service.engine.embedded import EmbeddedEngine
from service.ledger.database import Database
from service.ledger.feed import Feed
from service.ledger.ledger import SqlLedger
from service.ledger.migration import migrate
from service.ledger.notifications import Notifications
from service.ledger.postgres import PostgresDatabase
from service.ledger.sqlite import SqliteDatabase
from service.ledger.work import SqlWorkStore

NOW = datetime(2026, 11, 21, 8, 0, 0, 123456, tzinfo=UTC)


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class LedgerHome:
    """A ledger with the store that its work goes to; the engine is the queue between them and does not run."""

    database: Database
    store: SqlWorkStore
    queue: EmbeddedEngine
    feed: Feed
    ledger: SqlLedger

    async def work(self, kind: WorkKind) -> list[Work]:
        return list(await self.store.due(kind, NOW + timedelta(days=1000), 100))

    async def begun(self, **fields: Any) -> Job:
        """A job that a worker has taken."""
        job = a_job(**fields)
        await self.ledger.accept(job)
        begun = await self.ledger.begin(job.id, now=NOW)
        assert begun is not None
        return begun

    async def finished(self, *, delivery: bool = True, at: datetime = NOW, **fields: Any) -> tuple[Job, Delivery]:
        """A job that has ended, and its message."""
        job = await self.begun(**fields)
        message = a_delivery(job)
        assert await self.ledger.finish(job, an_ending(finished_at=at), message if delivery else None)
        return job, message


@asynccontextmanager
async def sqlite_home(folder: Path) -> AsyncIterator[LedgerHome]:
    path = folder / "afterimage.db"
    migrate(path)
    database = SqliteDatabase(path, busy_timeout_seconds=0.2)
    try:
        yield home_in(database, Feed())
    finally:
        await database.close()


@asynccontextmanager
async def postgres_home(url: str) -> AsyncIterator[LedgerHome]:
    database, feed = PostgresDatabase(url, connections=8), Feed()
    try:
        async with Notifications(url, feed):
            yield home_in(database, feed)
    finally:
        await database.close()


def home_in(database: Database, feed: Feed) -> LedgerHome:
    store = SqlWorkStore(database)
    queue = EmbeddedEngine(store=store, clock=SystemClock(), concurrency={})
    return LedgerHome(database, store, queue, feed, SqlLedger(database, queue=queue, feed=feed))


def home_at(where: str) -> AbstractAsyncContextManager[LedgerHome]:
    """The database in a folder or at a URL; a second time, as another process would open it."""
    return postgres_home(where) if where.startswith("postgresql:") else sqlite_home(Path(where))


def database_of(request: pytest.FixtureRequest) -> str:
    """Where the test's own database of the kind that the fixture's parameter names is."""
    return str(request.getfixturevalue({"sqlite": "tmp_path", "postgres": "postgres_url"}[request.param]))


class LedgerSuite:
    """Tests that inherit this run on every database."""

    @pytest.fixture(params=["sqlite", "postgres"])
    def where(self, request: pytest.FixtureRequest) -> str:
        return database_of(request)

    @pytest.fixture
    async def home(self, where: str) -> AsyncIterator[LedgerHome]:
        async with home_at(where) as home:
            yield home


def a_job(**fields: Any) -> Job:
    job_id = new_job_id()
    given = {
        "id": job_id,
        "tenant": "acme",
        "contract": Contract.JOBS,
        "operation": "edit",
        "prompt": "make it blue",
        "source": Source(object=ObjectRef("in", f"sources/{job_id}"), owned=True, mime_type="image/png"),
        "target": ObjectRef("out", f"outputs/{job_id}.png"),
        "created_at": NOW,
        "callback_url": "https://example.com/hook",
    }
    return Job(**(given | fields))


def an_attempt(number: int = 1, **fields: Any) -> Attempt:
    return Attempt(**({"number": number, "provider": "openai", "model": "m", "started_at": NOW} | fields))


def an_output(**fields: Any) -> Output:
    given = {
        "object": ObjectRef("out", "a.png"),
        "mime_type": "image/png",
        "byte_count": 3,
        "width": 4,
        "height": 5,
        "sha256": "ab",
        "source": OutputSource.FALLBACK,
        "provider": "local",
        "fallback": Fallback(reason="overloaded", provider="openai", provider_code="busy"),
    }
    return Output(**(given | fields))


def an_ending(**fields: Any) -> Ending:
    finished_at = fields.get("finished_at", NOW)
    given = {
        "status": JobStatus.SUCCEEDED,
        "finished_at": finished_at,
        "expires_at": finished_at + timedelta(hours=24),
        "output": an_output(),
        "usage": {"tokens": {"in": 1}},
        "cost_usd": 0.25,
        "progress": Progress(succeeded=1),
    }
    return Ending(**(given | fields))


def a_failure(**fields: Any) -> Ending:
    error = JobError(code="moderated", message="no")
    return an_ending(**({"status": JobStatus.FAILED, "output": None, "error": error} | fields))


def a_delivery(job: Job, **fields: Any) -> Delivery:
    given = {
        "id": new_delivery_id(),
        "job_id": job.id,
        "tenant": job.tenant,
        "url": "https://example.com/hook",
        "body": Body(b'{"picture":"\xff', ObjectRef("out", "a.png"), b'"}'),
        "created_at": NOW,
        "next_attempt_at": NOW,
    }
    return Delivery(**(given | fields))


def a_try(number: int = 1, **fields: Any) -> DeliveryAttempt:
    return DeliveryAttempt(**({"number": number, "started_at": NOW, "duration_ms": 12.5} | fields))
