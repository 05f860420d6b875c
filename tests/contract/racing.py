"""What every race is run with: several processes at one database, and gates that make them meet.

A gate is a lock that the test itself holds: who wants through waits in the database, and goes on with all the others
when it opens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import TypeVar

import psycopg
import pytest

from tests.contract.batch_suite import BatchHome, batch_home
from tests.contract.ledger_suite import postgres_home

T = TypeVar("T")


class RaceSuite:
    """Races that SQLite's single writer rules out."""

    @pytest.fixture
    async def fleet(self, postgres_url: str) -> AsyncIterator[Sequence[BatchHome]]:
        """The ledger as three processes have it open, patient at gates however busy the machine is."""
        url = f"{postgres_url}?options=-c%20lock_timeout%3D60s%20-c%20statement_timeout%3D60s"
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(batch_home(postgres_home, url)) for _ in range(3)]


@contextmanager
def gate(url: str, statement: str) -> Iterator[None]:
    with psycopg.connect(url) as connection:
        connection.execute(statement)
        yield
        connection.rollback()


async def waiting(url: str, count: int) -> None:
    """Until so many transactions wait for a lock."""
    async with asyncio.timeout(30), await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        question = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        while (await (await connection.execute(question)).fetchone() or (0,))[0] < count:
            await asyncio.sleep(0.01)


async def at_once(url: str, statement: str, *calls: Awaitable[T], waiters: int | None = None) -> list[T]:
    """What the calls return, or raise, that all met at a gate."""
    with gate(url, statement):
        running = [asyncio.ensure_future(call) for call in calls]
        await waiting(url, len(running) if waiters is None else waiters)
    return await asyncio.gather(*running, return_exceptions=True)


def row(table: str, row_id: str) -> str:
    """What makes a gate of one row."""
    return f"SELECT FROM {table} WHERE id = '{row_id}' FOR UPDATE"
