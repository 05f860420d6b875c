"""Queries that run for every job must not read more as the ledger grows, on Postgres as little as on SQLite.

Postgres chooses its plans by what is in the tables. So these are filled, and the rows that each statement touches are
counted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import event

from service.domain.deliveries import DeliveryState
from tests.contract.batch_suite import BatchHome, batch_home
from tests.contract.ledger_suite import a_try, postgres_home
from tests.unit.ledger.hot import Calls, batch_calls, job_calls

ROWS = 4000
TOUCHED = 300
"""As many rows a call may touch: a page, what belongs to it, and what a test has in work."""


@pytest.fixture
async def at(postgres_url: str) -> AsyncIterator[BatchHome]:
    async with batch_home(postgres_home, postgres_url) as home:
        yield home


def copies(url: str, table: str, condition: str, changes: str) -> None:
    """Copy one row many times, with some columns changed to texts that hold the number `n`."""
    with psycopg.connect(url) as connection:
        connection.execute(
            f"INSERT INTO {table} SELECT copy.* FROM {table} AS one, generate_series(1000, {999 + ROWS}) AS n, "  # noqa: S608
            f"jsonb_populate_record(one, jsonb_build_object({changes})) AS copy WHERE {condition}"
        )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"VACUUM ANALYZE {table}")


@contextmanager
def touched(at: BatchHome) -> Iterator[dict[str, int]]:
    """How many rows each statement touches, by the statement."""
    found: dict[str, int] = {}

    def explain(_connection, cursor, statement, parameters, _context, many) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
            found[statement] = _touched(cursor.connection, statement, parameters[0] if many else parameters)

    engine = at.home.database._engine
    event.listen(engine, "before_cursor_execute", explain)
    yield found
    event.remove(engine, "before_cursor_execute", explain)


def _touched(connection: psycopg.Connection, statement: str, parameters: Any) -> int:
    """Run a statement, count, and take back what it did."""
    connection.execute("SAVEPOINT before")
    [(plans,)] = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).fetchall()
    connection.execute("ROLLBACK TO before")
    return _rows(plans[0]["Plan"])


def _rows(node: dict[str, Any]) -> int:
    """The most rows that one step of a plan came by."""
    removed = sum(count for name, count in node.items() if name.startswith("Rows Removed"))
    here = int((node["Actual Rows"] + removed) * node["Actual Loops"])
    return max([here, *map(_rows, node.get("Plans", ()))])


async def run(at: BatchHome, calls: Calls, *, statements: int) -> None:
    with touched(at) as found:
        for call in calls:
            await call
    assert len(found) > statements
    assert {statement: rows for statement, rows in found.items() if rows > TOUCHED} == {}


async def test_no_call_for_a_job_reads_more_as_the_ledger_grows(at: BatchHome, postgres_url: str) -> None:
    job, delivery = await at.home.finished()
    await at.home.ledger.record_delivery(delivery, a_try(), state=DeliveryState.DELIVERED, next_attempt_at=None)
    copies(postgres_url, "jobs", f"one.id = '{job.id}'", "'id', 'job_' || n")
    copies(postgres_url, "events", f"one.job_id = '{job.id}' AND one.sequence = 1", "'job_id', 'job_' || n")
    copies(postgres_url, "deliveries", f"one.id = '{delivery.id}'", "'id', 'msg_' || n, 'job_id', 'job_' || n")
    copies(postgres_url, "delivery_attempts", "true", "'delivery_id', 'msg_' || n")
    calls = await job_calls(at.home, *await at.home.finished())
    ledger = at.home.ledger
    await run(at, (*calls, ledger.deliveries("acme", job.id), ledger.counts()), statements=25)


async def test_no_call_for_a_picture_reads_more_as_its_batch_grows(at: BatchHome, postgres_url: str) -> None:
    job, calls = await batch_calls(at)
    for item, changes in (
        (1, "'number', n, 'group', 'g' || n, 'target_key', n, 'due_at', one.due_at + n"),
        (1, "'number', 9000 + n, 'group', 'h' || n, 'target_key', 9000 + n, 'status', 'canceled', 'finished_at', 1"),
        (2, "'number', 19000 + n, 'group', 'g' || n, 'target_key', 19000 + n, 'waits_for', n"),
    ):
        copies(postgres_url, "items", f"one.job_id = '{job.id}' AND one.number = {item}", changes)
    await run(at, calls, statements=15)


async def test_work_is_found_among_much_that_is_not_due(at: BatchHome, postgres_url: str) -> None:
    await at.home.begun()
    copies(postgres_url, "work", "true", "'ref', 'job_' || n, 'due_at', one.due_at + n * 1000000000::bigint")
    calls = await job_calls(at.home, *await at.home.finished())
    await run(at, calls, statements=25)
