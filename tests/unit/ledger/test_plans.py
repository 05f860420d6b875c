"""Queries that run for every job must not read more as the ledger grows: each is served by an index."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from service.domain.batches import Found, ItemEnding, ItemStatus, Stage, Staging
from service.domain.jobs import JobError, JobStatus
from service.domain.work import Work, WorkKind
from service.ledger.batch_ledger import SqlBatchLedger
from service.ports.batches import GroupQuery, Place
from service.ports.ledger import JobQuery
from tests.contract.batch_suite import BatchHome, narrowed
from tests.contract.ledger_suite import NOW, LedgerHome, a_try, an_attempt, sqlite_home

SORTED = "TEMP B-TREE"
SCANNED = "SCAN"


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[LedgerHome]:
    async with sqlite_home(tmp_path) as home:
        yield home


async def plans(home: LedgerHome, *calls) -> list[str]:
    """The plans of all statements that the calls run, as SQLite explains them with their real parameters."""
    found: list[str] = []

    def explain(_connection, cursor, statement, parameters, _context, many) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters[0] if many else parameters)
            found.extend(f"{row[3]}   in: {statement}" for row in cursor.fetchall())

    engines = (home.database._read_engine, home.database._write_engine)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", explain)
    for call in calls:
        await call
    for engine in engines:
        event.remove(engine, "before_cursor_execute", explain)
    return found


async def test_no_hot_query_scans_or_sorts(home: LedgerHome) -> None:
    job, delivery = await home.finished()
    running = await home.begun()
    work = Work(kind=WorkKind.JOB, ref=job.id, due_at=NOW)
    ledger, store = home.ledger, home.store
    found = await plans(
        home,
        ledger.find_accepted("acme", "k", now=NOW),
        ledger.unfinished_count("acme"),
        ledger.begin(job.id, now=NOW),
        ledger.begin_attempt(running, an_attempt()),
        ledger.job("acme", job.id),
        ledger.jobs(JobQuery(tenant="acme", cursor="job_z")),
        ledger.jobs(JobQuery(tenant="acme", status=JobStatus.FAILED)),
        ledger.queue_position(job.id),
        ledger.events(job.id, after=1, limit=10),
        ledger.record_delivery(delivery, a_try(), state=delivery.state, next_attempt_at=NOW),
        ledger.expired(now=NOW + timedelta(days=9), limit=10),
        ledger.prune(before=NOW, limit=10),
        ledger.oldest_pending_delivery(),
        store.due(WorkKind.JOB, NOW, 10),
        store.next_due_at(WorkKind.JOB, NOW),
        store.postpone(work, NOW),
        store.done(work),
    )
    assert len(found) > 20
    assert [plan for plan in found if SORTED in plan or plan.startswith(SCANNED)] == []


async def test_no_query_of_a_batch_reads_more_than_its_page(home: LedgerHome) -> None:
    at = BatchHome(home, SqlBatchLedger(home.database, queue=home.queue, feed=home.feed))
    job = await at.begun(batch={"staging": Staging(main_first=True)})
    first = Found(url="https://a.example/1", group="a", name="1", stage=Stage.MAIN)
    second = replace(first, stage=Stage.SECONDARY)
    await at.listed(job, first, second, cursor="2")
    item = (await at.batches.take_items(job.id, 0, after=None, limit=1, now=NOW)).items[0]
    ending = ItemEnding(status=ItemStatus.FAILED, finished_at=NOW, error=JobError(code="x", message="x"))
    found = await plans(
        home,
        at.listed(job, second, cursor="3"),
        at.batches.take_items(job.id, 0, after=Place(NOW, 1), limit=1, now=NOW),
        at.batches.finish_item(narrowed(job, item), ending),
        at.items(job, after=1),
        at.items(job, group="a", after=1),
        at.batches.groups(GroupQuery(job_id=job.id, after="A")),
        at.batches.cancel_items(job, limit=1, now=NOW),
        at.batches.cancel_items(job, limit=1, now=NOW),
    )
    assert len(found) > 15
    grouped = "GROUP BY"  # sorts the groups of one page
    unserved = [plan for plan in found if (SORTED in plan and grouped not in plan) or plan.startswith(SCANNED)]
    assert unserved == []
    for index in ("items_pending", "items_waiting", "items_by_group", "items_mains"):
        assert any(f"INDEX {index}" in plan for plan in found)
