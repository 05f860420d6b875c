"""What every ledger of batches is put through: a home for it, and the nouns to fill it with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from service.domain.batches import Batch, Found, Item, Selection
from service.domain.jobs import Contract, Job, Progress, Source
from service.domain.objects import ObjectRef
from service.ledger.batch_ledger import SqlBatchLedger
from service.ports.batches import ItemQuery
from tests.contract.ledger_suite import NOW, LedgerHome, a_job, database_of, home_at

P = TypeVar("P", Path, str)


@dataclass
class BatchHome:
    """A ledger of batches beside the ledger of jobs in one database."""

    home: LedgerHome
    batches: SqlBatchLedger

    async def begun(self, *, batch: dict[str, Any] | None = None, **fields: Any) -> Job:
        """A batch whose job a worker has taken."""
        job = a_batch_job(**fields)
        await self.batches.accept_batch(job, a_batch(job, **(batch or {})))
        taken = await self.home.ledger.begin(job.id, now=NOW)
        assert taken is not None
        return taken

    async def listed(self, job: Job, *found: Found | str, cursor: str | None = None, at: datetime = NOW) -> Batch:
        """A page of a listing; the last one without a cursor."""
        page = [one if isinstance(one, Found) else picture(one) for one in found]
        return await self.batches.add_items(job, page, cursor=cursor, listed=cursor is None, extension="png", now=at)

    async def items(self, job: Job, **query: Any) -> Sequence[Item]:
        return await self.batches.items(ItemQuery(job_id=job.id, **query))

    async def job(self, job: Job) -> Job:
        found = await self.home.ledger.job(None, job.id)
        assert found is not None
        return found

    async def batch(self, job: Job) -> Batch:
        found = await self.batches.batch(None, job.id)
        assert found is not None
        return found


class BatchSuite:
    """Tests that inherit this run on every database."""

    @pytest.fixture(params=["sqlite", "postgres"])
    def where(self, request: pytest.FixtureRequest) -> str:
        return database_of(request)

    @pytest.fixture
    async def at(self, where: str) -> AsyncIterator[BatchHome]:
        async with batch_home(home_at, where) as home:
            yield home


@asynccontextmanager
async def batch_home(
    home_of: Callable[[P], AbstractAsyncContextManager[LedgerHome]], where: P
) -> AsyncIterator[BatchHome]:
    async with home_of(where) as home:
        yield BatchHome(home, SqlBatchLedger(home.database, queue=home.queue, feed=home.feed))


def a_batch_job(**fields: Any) -> Job:
    job = a_job(contract=Contract.TOOL_BATCH, source=None, progress=Progress(total=0))
    return replace(job, target=ObjectRef("out", f"results/{job.id}"), **fields)


def a_batch(job: Job, **fields: Any) -> Batch:
    given: dict[str, Any] = {
        "job_id": job.id,
        "selection": Selection(bucket="in", prefix="shop/", include=("*.jpg",), max_items=5),
        "output_prefix": "results",
        "likeness": "a" * 64,
        "concurrency": 4,
        "streams": 1,
        "item_seconds": 2.0,
    }
    return Batch(**(given | fields))


def picture(key: str, **fields: Any) -> Found:
    return Found(**({"source": ObjectRef("in", key), "byte_count": 10, "etag": f"e-{key}"} | fields))


def narrowed(job: Job, item: Item) -> Job:
    assert item.target is not None
    return replace(
        job,
        item=item.number,
        run=item.run,
        source=Source(object=item.source),
        target=item.target,
        attempts=item.attempts,
    )
