"""Entries of the queue that have run at the same moment: removed together, and each told what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import psycopg
import pytest
from procrastinate.jobs import Job as Entry

from service.domain.work import WorkKind
from service.engine.queue import Queue
from service.ledger.postgres_connections import connection_parameters
from tests.contract.engine_suite import due, procrastinate_home
from tests.contract.racing import gate, waiting

# Every removal notes its transaction.
_NOTE = """CREATE TABLE removals (number bigint);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN INSERT INTO removals VALUES (txid_current()); RETURN OLD; END; $$;
CREATE TRIGGER note AFTER DELETE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION note()"""


@pytest.fixture
async def queue(fleet_url: str) -> AsyncIterator[Queue]:
    async with procrastinate_home(fleet_url) as home:
        await home.hand_over(*[due(f"job-{number}") for number in range(8)])
        queue = Queue(connection_parameters(fleet_url))
        await queue.open()
        await queue.enlist()
        yield queue
        await queue.close()


@pytest.fixture
async def entries(queue: Queue, fleet_url: str) -> Sequence[Entry]:
    """Eight that run."""
    entries = await queue.take(WorkKind.JOB, most=8)
    with psycopg.connect(fleet_url) as operator:
        operator.execute(_NOTE)
    return entries


def removals(url: str) -> list[int]:
    """How many were removed in each transaction."""
    with psycopg.connect(url) as operator:
        found = operator.execute("SELECT count(*) FROM removals GROUP BY number ORDER BY number").fetchall()
        return [count for (count,) in found]


async def test_what_ends_at_once_is_removed_at_once(queue: Queue, entries: Sequence[Entry], fleet_url: str) -> None:
    assert await asyncio.gather(*map(queue.finish, entries)) == [True] * 8
    assert removals(fleet_url) == [8]
    assert await queue.depth() == {}


async def test_who_lost_an_entry_is_told_among_others(queue: Queue, entries: Sequence[Entry], fleet_url: str) -> None:
    assert await queue.put_back(entries[3], due_at=None)  # as whoever takes it over does
    assert await asyncio.gather(*map(queue.finish, entries)) == [number != 3 for number in range(8)]
    assert await queue.depth() == {WorkKind.JOB: 1}
    assert removals(fleet_url) == [1, 7]


async def test_what_ends_while_others_are_removed_is_removed_next(
    queue: Queue, entries: Sequence[Entry], fleet_url: str
) -> None:
    with gate(fleet_url, f"SELECT FROM procrastinate_jobs WHERE id = {entries[0].id} FOR UPDATE"):
        first = asyncio.create_task(queue.finish(entries[0]))
        await waiting(fleet_url, 1)
        others = [asyncio.create_task(queue.finish(entry)) for entry in entries[1:]]
        await asyncio.sleep(0)
    assert await asyncio.gather(first, *others) == [True] * 8
    assert removals(fleet_url) == [1, 7]
