"""Events of one process reach the listeners of another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError

from service.ledger.events import CHANNEL
from service.ledger.feed import Feed
from service.ledger.notifications import Notifications
from tests.contract.ledger_suite import NOW, LedgerHome, a_job, an_ending, postgres_home
from tests.servers.postgres import PostgresServer


@pytest.fixture
async def homes(postgres_url: str) -> AsyncIterator[tuple[LedgerHome, LedgerHome]]:
    """Two processes; both have begun to listen."""
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(postgres_home(postgres_url)) for _ in range(2)]
        await listening(postgres_url, 2)
        yield one, other


async def listening(url: str, count: int) -> None:
    async with asyncio.timeout(30), await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        question = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle' "
            "AND (query LIKE 'LISTEN%' OR query = 'SELECT')"
        )
        while (await (await connection.execute(question)).fetchone() or (0,))[0] < count:
            await asyncio.sleep(0.01)


async def test_listeners_hear_of_events_that_another_process_writes(homes: tuple[LedgerHome, LedgerHome]) -> None:
    one, other = homes
    job = a_job()
    await one.ledger.accept(job)
    async with asyncio.timeout(30), other.ledger.changes(job.id) as changes:
        begun = await one.ledger.begin(job.id, now=NOW)
        await anext(changes)
        assert begun is not None
        await one.ledger.finish(begun, an_ending(), None)
        await anext(changes)


async def test_events_are_told_once_they_are_committed_and_what_is_rolled_back_is_not(
    homes: tuple[LedgerHome, LedgerHome], postgres_url: str
) -> None:
    home, _ = homes
    job, (_, delivery) = await home.begun(), await home.finished()
    async with asyncio.timeout(30), await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as listener:
        await listener.execute(f"LISTEN {CHANNEL}")
        with pytest.raises(IntegrityError):
            await home.ledger.finish(job, an_ending(), replace(delivery, job_id=job.id))
        last = a_job()
        await home.ledger.accept(last)
        assert [notification.payload async for notification in listener.notifies(stop_after=1)] == [last.id]


async def test_after_an_outage_everybody_is_woken_and_hears_again(
    homes: tuple[LedgerHome, LedgerHome], postgres: PostgresServer, postgres_url: str
) -> None:
    one, other = homes
    job = await one.begun()
    async with asyncio.timeout(60), other.ledger.changes(job.id) as changes:
        await asyncio.to_thread(postgres.stop)
        await asyncio.to_thread(postgres.start)
        await anext(changes)
        await listening(postgres_url, 2)
        await one.ledger.finish(job, an_ending(), None)
        await anext(changes)


async def test_it_ends_while_the_server_is_away(postgres_url: str, postgres: PostgresServer) -> None:
    await asyncio.to_thread(postgres.stop)
    try:
        async with Notifications(postgres_url, Feed()):
            await asyncio.sleep(0.1)
    finally:
        await asyncio.to_thread(postgres.start)
