"""Queries that run for every job must not read more as the ledger grows: each is served by an index."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import event

from service.ledger.batch_ledger import SqlBatchLedger
from tests.contract.batch_suite import BatchHome
from tests.contract.ledger_suite import LedgerHome, sqlite_home
from tests.unit.ledger.hot import batch_calls, job_calls

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
    found = await plans(home, *await job_calls(home, *await home.finished()))
    assert len(found) > 20
    assert [plan for plan in found if SORTED in plan or plan.startswith(SCANNED)] == []


async def test_what_is_counted_for_the_metrics_is_what_is_on_its_way(home: LedgerHome) -> None:
    found = await plans(home, home.ledger.counts())
    indices = [re.search(r"SCAN \w+ USING (?:COVERING )?INDEX (\w+)", plan) for plan in found]
    assert [index and index[1] for index in indices] == ["jobs_waiting", "jobs_unfinished", "deliveries_pending"]


async def test_no_query_of_a_batch_reads_more_than_its_page(home: LedgerHome) -> None:
    at = BatchHome(home, SqlBatchLedger(home.database, queue=home.queue, feed=home.feed))
    _, calls = await batch_calls(at)
    found = await plans(home, *calls)
    assert len(found) > 15
    grouped = "GROUP BY"  # sorts the groups of one page
    unserved = [plan for plan in found if (SORTED in plan and grouped not in plan) or plan.startswith(SCANNED)]
    assert unserved == []
    for index in ("items_pending", "items_waiting", "items_by_group", "items_mains"):
        assert any(f"INDEX {index}" in plan for plan in found)
