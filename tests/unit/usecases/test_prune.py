from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from service.domain.jobs import JobStatus
from service.domain.work import Work, WorkKind
from service.storage.folder import FolderStorage
from service.usecases.outputs import places
from service.usecases.prune import Prune
from tests.contract.batch_suite import BatchHome, batch_home
from tests.contract.ledger_suite import NOW, a_failure, sqlite_home

LATER = NOW + timedelta(days=2)
WORK = Work(kind=WorkKind.HOUSEKEEPING, ref=Prune.REF, due_at=NOW)


class Clock:
    def now(self) -> datetime:
        return LATER


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[BatchHome]:
    async with batch_home(sqlite_home, tmp_path) as home:
        yield home


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[FolderStorage]:
    folder = FolderStorage(
        root=tmp_path / "storage",
        input_bucket="in",
        output_bucket="out",
        link_base_url="http://127.0.0.1",
        link_key=b"k" * 32,
        clock=Clock(),
    )
    yield folder
    await folder.close()


async def test_what_a_run_stored_for_a_job_that_ended_without_it_goes_too(
    at: BatchHome, storage: FolderStorage
) -> None:
    job = await at.home.begun()
    other = await at.home.begun()
    await at.home.ledger.finish(job, a_failure(status=JobStatus.CANCELED), None)
    for ref in (*places(job.target), *places(other.target)):
        assert await storage.put(ref, b"data", mime_type="image/png")
    prune = Prune(
        ledger=at.home.ledger, batches=at.batches, storage=storage, clock=Clock(), row_retention=timedelta(days=30)
    )
    await prune(WORK)
    left = {info.ref for info in (await storage.list("out", "")).objects}
    assert left == set(places(other.target))
    pruned = await at.home.ledger.job(None, job.id)
    assert pruned is not None
    assert pruned.removed_at == LATER
