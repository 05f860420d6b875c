"""The database itself: transactions that run again, callers that are told the truth, and trouble with the server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import psycopg
import pytest
from sqlalchemy import Connection, text

from service.ledger.postgres import PostgresDatabase
from service.ports.ledger import LedgerUnavailableError
from tests.servers.postgres import PostgresServer
from tests.servers.processes import free_port


@pytest.fixture
async def database(empty_postgres_url: str) -> AsyncIterator[PostgresDatabase]:
    database = PostgresDatabase(empty_postgres_url, connections=4)
    await database.write(lambda connection: connection.execute(text("CREATE TABLE t (n int PRIMARY KEY)")))
    yield database
    await database.close()


def insert(connection: Connection, n: int) -> int:
    connection.execute(text("INSERT INTO t VALUES (:n)"), {"n": n})
    return n


def numbers(connection: Connection) -> list[int]:
    return list(connection.scalars(text("SELECT n FROM t ORDER BY n")))


def cut(connection: Connection) -> None:
    """End the connection of a transaction from outside, as a server that stops or an operator does."""
    pid = connection.scalar(text("SELECT pg_backend_pid()"))
    with psycopg.connect(str(connection.connection.driver_connection.info.dsn), autocommit=True) as operator:
        operator.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])


async def test_transactions_run_side_by_side_and_are_kept(database: PostgresDatabase) -> None:
    together = threading.Barrier(4)

    def body(connection: Connection, n: int) -> int:
        together.wait(30)
        return insert(connection, n)

    assert await asyncio.gather(*(database.write(lambda c, n=n: body(c, n)) for n in range(4))) == [0, 1, 2, 3]
    assert await database.read(numbers) == [0, 1, 2, 3]


async def test_a_transaction_that_fails_leaves_nothing(database: PostgresDatabase) -> None:
    def half(connection: Connection) -> None:
        insert(connection, 1)
        raise ValueError("my own")

    with pytest.raises(ValueError, match="my own"):
        await database.write(half)
    assert await database.read(numbers) == []


async def test_a_read_sees_one_state_throughout_and_writes_nothing(database: PostgresDatabase) -> None:
    between, loop = threading.Event(), asyncio.get_running_loop()
    begun = asyncio.Event()

    def twice(connection: Connection) -> tuple[list[int], list[int]]:
        first = numbers(connection)
        loop.call_soon_threadsafe(begun.set)
        between.wait(30)
        return first, numbers(connection)

    reading = asyncio.create_task(database.read(twice))
    await begun.wait()
    await database.write(lambda c: insert(c, 1))
    between.set()
    assert await reading == ([], [])
    with pytest.raises(LedgerUnavailableError, match="read-only"):
        await database.read(lambda c: insert(c, 2))
    await database.write(lambda c: insert(c, 2))  # on a connection that has read before


async def test_a_canceled_caller_is_let_go_once_its_transaction_is_settled(database: PostgresDatabase) -> None:
    begun, go = asyncio.Event(), threading.Event()
    loop, settled = asyncio.get_running_loop(), []

    def slow(connection: Connection) -> int:
        loop.call_soon_threadsafe(begun.set)
        go.wait(30)
        return insert(connection, 1)

    writing = asyncio.create_task(database.write(slow, settled.append))
    await begun.wait()
    writing.cancel()
    await asyncio.sleep(0.01)
    assert not writing.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert settled == [1]
    assert await database.read(numbers) == [1]


async def test_what_was_canceled_before_its_turn_never_begins(database: PostgresDatabase) -> None:
    go = threading.Event()
    busy = [asyncio.create_task(database.write(lambda _connection: go.wait(30))) for _ in range(4)]
    settled: list[int] = []
    writing = asyncio.create_task(database.write(lambda c: insert(c, 1), settled.append))
    await asyncio.sleep(0.01)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    go.set()
    await asyncio.gather(*busy)
    assert (await database.read(numbers), settled) == ([], [])


async def test_what_failed_is_not_settled(database: PostgresDatabase) -> None:
    settled: list[int] = []
    await database.write(lambda c: insert(c, 1))
    with pytest.raises(Exception, match="duplicate key"):
        await database.write(lambda c: insert(c, 1), settled.append)
    assert settled == []


async def test_of_two_transactions_that_lock_each_other_out_both_succeed(database: PostgresDatabase) -> None:
    await asyncio.gather(*(database.write(lambda c, n=n: insert(c, n)) for n in (1, 2)))
    together = threading.Barrier(2)
    runs: list[tuple[int, int]] = []

    def add(connection: Connection, first: int, second: int) -> None:
        runs.append((first, second))
        connection.execute(text("UPDATE t SET n = n WHERE n = :n"), {"n": first})
        if len(runs) <= 2:
            together.wait(30)
        connection.execute(text("UPDATE t SET n = n WHERE n = :n"), {"n": second})

    await asyncio.gather(database.write(lambda c: add(c, 1, 2)), database.write(lambda c: add(c, 2, 1)))
    assert len(runs) > 2  # the one that ran again may have met the other once more


async def test_a_connection_that_broke_between_transactions_costs_nobody_anything(
    database: PostgresDatabase, postgres: PostgresServer
) -> None:
    await asyncio.gather(*(database.write(lambda c, n=n: insert(c, n)) for n in range(8)))
    await asyncio.to_thread(postgres.stop)
    await asyncio.to_thread(postgres.start)
    assert await asyncio.gather(*(database.write(lambda c, n=n: insert(c, n)) for n in range(8, 16))) == list(
        range(8, 16)
    )
    assert await database.read(numbers) == list(range(16))


async def test_a_connection_that_breaks_within_a_transaction_makes_it_run_again(database: PostgresDatabase) -> None:
    runs = 0

    def body(connection: Connection) -> int:
        nonlocal runs
        runs += 1
        insert(connection, 1)
        if runs == 1:
            cut(connection)
        return insert(connection, 2)

    assert await database.write(body) == 2
    assert (runs, await database.read(numbers)) == (2, [1, 2])


async def test_where_the_commit_breaks_it_is_not_tried_again(database: PostgresDatabase) -> None:
    runs = 0

    def body(connection: Connection) -> None:
        nonlocal runs
        runs += 1
        insert(connection, 1)
        cut(connection)

    with pytest.raises(LedgerUnavailableError, match="while a transaction was committed"):
        await database.write(body)
    assert runs == 1
    await database.write(lambda c: insert(c, 2))
    assert await database.read(numbers) == [2]


async def test_a_server_that_is_away_is_said_and_found_again(
    database: PostgresDatabase, postgres: PostgresServer
) -> None:
    await asyncio.to_thread(postgres.stop)
    try:
        for access in (database.read(numbers), database.write(lambda c: insert(c, 1))):
            with pytest.raises(LedgerUnavailableError):
                await access
    finally:
        await asyncio.to_thread(postgres.start)
    assert await database.write(lambda c: insert(c, 2)) == 2
    assert await database.read(numbers) == [2]


async def test_nothing_that_was_answered_is_lost_when_the_server_crashes_under_load(
    database: PostgresDatabase, postgres: PostgresServer
) -> None:
    answered: list[int] = []
    refused, restarted = asyncio.Event(), asyncio.Event()

    async def write_on(first: int) -> None:
        n = first
        while not restarted.is_set() or n < first + 10:
            try:
                answered.append(await database.write(lambda c, n=n: insert(c, n)))
            except LedgerUnavailableError:
                refused.set()
            n += 1

    writing = [asyncio.create_task(write_on(worker * 1_000_000)) for worker in range(4)]
    while len(answered) < 50:
        await asyncio.sleep(0.001)
    await asyncio.to_thread(postgres.crash)
    await refused.wait()
    await asyncio.to_thread(postgres.start)
    restarted.set()
    await asyncio.gather(*writing)
    assert set(answered) <= set(await database.read(numbers))


async def test_a_lock_that_somebody_keeps_is_not_waited_for_without_end(empty_postgres_url: str) -> None:
    database = PostgresDatabase(f"{empty_postgres_url}?options=-c%20lock_timeout%3D50ms")
    await database.write(lambda connection: connection.execute(text("CREATE TABLE t (n int PRIMARY KEY)")))
    with psycopg.connect(empty_postgres_url) as operator:
        operator.execute("LOCK TABLE t")
        with pytest.raises(LedgerUnavailableError, match="lock timeout"):
            await database.read(numbers)
    assert await database.read(numbers) == []
    await database.close()


async def test_statements_connections_and_locks_have_limits(database: PostgresDatabase) -> None:
    def shown(connection: Connection) -> list[str]:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "application_name")
        return [connection.scalar(text(f"SHOW {name}")) for name in names]

    assert await database.read(shown) == ["30s", "10s", "1min", "afterimage"]


async def test_who_waits_too_long_for_a_turn_is_let_go(empty_postgres_url: str) -> None:
    database = PostgresDatabase(empty_postgres_url, connections=1, patience_seconds=0.05)
    begun, go = threading.Event(), threading.Event()

    def busy(_connection: Connection) -> None:
        begun.set()
        go.wait(30)

    first = asyncio.create_task(database.write(busy))
    await asyncio.to_thread(begun.wait)
    second = asyncio.create_task(database.read(numbers))
    await asyncio.sleep(0)  # it waits from now on
    await asyncio.sleep(0.1)
    go.set()
    await first
    with pytest.raises(LedgerUnavailableError, match=r"within 0\.05 s"):
        await second
    await database.close()


async def test_a_server_that_takes_no_writes_is_unavailable(empty_postgres_url: str) -> None:
    standby = PostgresDatabase(f"{empty_postgres_url}?options=-c%20default_transaction_read_only%3Don")
    with pytest.raises(LedgerUnavailableError, match="read-only"):
        await standby.write(lambda c: c.execute(text("CREATE TABLE t (n int)")))
    await standby.close()


async def test_nobody_behind_the_address_is_unavailable_and_no_password_is_told() -> None:
    database = PostgresDatabase(f"postgresql://somebody:hunter2@127.0.0.1:{free_port()}/x")
    with pytest.raises(LedgerUnavailableError) as caught:
        await database.read(numbers)
    assert "hunter2" not in str(caught.value)
    await database.close()


async def test_closing_commits_what_waits_and_may_be_done_twice(empty_postgres_url: str) -> None:
    database = PostgresDatabase(empty_postgres_url, connections=2)
    await database.write(lambda connection: connection.execute(text("CREATE TABLE t (n int PRIMARY KEY)")))
    writing = [asyncio.create_task(database.write(lambda c, n=n: insert(c, n))) for n in range(50)]
    await asyncio.sleep(0)
    await database.close()
    await database.close()
    assert await asyncio.gather(*writing) == list(range(50))
    for access in (database.read, database.write):
        with pytest.raises(LedgerUnavailableError, match="closed"):
            await access(numbers)
