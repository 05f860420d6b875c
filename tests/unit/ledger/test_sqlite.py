"""The database itself: group commits, failures that stay with their causes, and trouble with the file."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from service.ledger.database import Transaction
from service.ledger.joining import Joinable, Kind
from service.ledger.sqlite import SqliteDatabase
from service.ports.ledger import LedgerUnavailableError


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "a.db", busy_timeout_seconds=0.1)
    await database.write(lambda connection: connection.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY, b BLOB)")))
    yield database
    await database.close()


def insert(connection: Connection, n: int, size: int = 1) -> int:
    connection.execute(text("INSERT INTO t VALUES (:n, zeroblob(:size))"), {"n": n, "size": size})
    return n


def numbers(connection: Connection) -> list[int]:
    return list(connection.scalars(text("SELECT n FROM t ORDER BY n")))


async def test_transactions_that_wait_share_a_commit(database: SqliteDatabase) -> None:
    before = database.commits
    results = await asyncio.gather(*(database.write(lambda c, n=n: insert(c, n)) for n in range(500)))
    assert results == list(range(500))
    assert database.commits - before < 100
    assert await database.read(numbers) == list(range(500))


async def test_those_whose_transactions_share_a_commit_go_on_a_few_in_a_turn(database: SqliteDatabase) -> None:
    turn = 0
    went_on: list[int] = []

    async def count_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    async def write(n: int) -> None:
        await database.write(lambda connection: insert(connection, n))
        went_on.append(turn)

    counting = asyncio.create_task(count_turns())
    await asyncio.gather(*(write(n) for n in range(200)))
    counting.cancel()
    assert max(Counter(went_on).values()) < 20


async def together(database: SqliteDatabase, bodies: Sequence[Transaction[str]]) -> Sequence[str | BaseException]:
    """What comes of writes that share a commit."""
    begun, go_on = threading.Event(), threading.Event()

    def hold(_connection: Connection) -> None:
        begun.set()
        go_on.wait()

    holding = asyncio.create_task(database.write(hold))
    await asyncio.to_thread(begun.wait)
    writing = [asyncio.create_task(database.write(body)) for body in bodies]
    await asyncio.sleep(0)  # now they wait for the one that holds the writer up
    go_on.set()
    await holding
    return await asyncio.gather(*writing, return_exceptions=True)


def insert_each(connection: Connection, wanted: Sequence[int]) -> list[str | None]:
    """Leaves out what is above 100, and takes no multiple of 50."""
    taken = [n for n in wanted if n <= 100]
    connection.execute(text("INSERT INTO t VALUES (:n, NULL)"), [{"n": n} for n in taken])
    if any(n % 50 == 0 for n in taken):
        raise ValueError(taken)
    return [f"{n} of {len(taken)}" if n in taken else None for n in wanted]


def insert_one(connection: Connection, n: int) -> str:
    insert(connection, n)
    if n % 50 == 0:
        raise ValueError(n)
    return f"{n} alone"


async def test_writes_of_one_kind_that_share_a_commit_are_run_together(database: SqliteDatabase) -> None:
    one, other = Kind(insert_each, insert_one), Kind(insert_each, insert_one)
    bodies = [Joinable(one, 1), Joinable(other, 2), Joinable(one, 3), lambda c: f"{insert(c, 4)}", Joinable(one, 101)]
    assert await together(database, bodies) == ["1 of 2", "2 alone", "3 of 2", "4", "101 alone"]
    assert await database.read(numbers) == [1, 2, 3, 4, 101]


async def test_one_that_fails_together_with_others_fails_alone(database: SqliteDatabase) -> None:
    kind = Kind(insert_each, insert_one)
    first, failed, last = await together(database, [Joinable(kind, n) for n in (1, 50, 3)])
    assert (first, last) == ("1 alone", "3 alone")
    assert isinstance(failed, ValueError)
    assert await database.read(numbers) == [1, 3]


async def test_a_transaction_that_fails_leaves_those_beside_it_alone(database: SqliteDatabase) -> None:
    def half(connection: Connection, n: int) -> int:
        insert(connection, n)
        if n % 3 == 0:
            raise ValueError(n)
        return n

    results = await asyncio.gather(
        *(database.write(lambda c, n=n: half(c, n)) for n in range(30)), return_exceptions=True
    )
    assert [isinstance(result, ValueError) for result in results] == [n % 3 == 0 for n in range(30)]
    assert await database.read(numbers) == [n for n in range(30) if n % 3]


async def test_a_canceled_caller_is_let_go_once_its_transaction_is_settled(database: SqliteDatabase) -> None:
    go = threading.Event()
    settled: list[int] = []

    def slow(connection: Connection) -> int:
        go.wait(30)
        return insert(connection, 1)

    writing = asyncio.create_task(database.write(slow, settled.append))
    await asyncio.sleep(0.01)
    writing.cancel()
    await asyncio.sleep(0.01)
    assert not writing.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert settled == [1]
    assert await database.read(numbers) == [1]


async def test_what_failed_is_not_settled(database: SqliteDatabase) -> None:
    settled: list[int] = []
    await database.write(lambda c: insert(c, 1))
    with pytest.raises(Exception, match="UNIQUE"):
        await database.write(lambda c: insert(c, 1), settled.append)
    assert settled == []


async def test_a_read_sees_one_state_throughout(database: SqliteDatabase) -> None:
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
    assert await database.read(numbers) == [1]


NORMAL, FULL = 1, 2


def synchronous(connection: Connection) -> int:
    """Which of the two the commit that is to come will be."""
    return connection.execute(text("PRAGMA synchronous")).scalar_one()


async def test_a_commit_is_synced_and_references_are_checked(database: SqliteDatabase) -> None:
    def pragmas(connection: Connection) -> list[object]:
        return [connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "foreign_keys")]

    assert await database.write(pragmas) == ["wal", 1]
    assert await database.write(synchronous) == FULL


async def test_a_commit_of_nothing_that_has_to_last_waits_for_no_disk(database: SqliteDatabase) -> None:
    assert await database.write(synchronous, lasting=False) == NORMAL
    assert await database.write(synchronous) == FULL


async def test_what_shares_a_commit_with_something_that_has_to_last_is_synced(database: SqliteDatabase) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold(connection: Connection) -> int:
        begun.set()
        go_on.wait()
        return synchronous(connection)

    holding = asyncio.create_task(database.write(hold, lasting=False))
    await asyncio.to_thread(begun.wait)
    sharing = [asyncio.create_task(database.write(synchronous, lasting=lasting)) for lasting in (False, True, False)]
    await asyncio.sleep(0)
    before = database.commits
    go_on.set()
    assert await holding == NORMAL
    assert await asyncio.gather(*sharing) == [FULL, FULL, FULL]
    assert database.commits - before == 2


async def test_a_database_that_another_process_holds_is_unavailable_until_it_lets_go(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as operator:
        operator.execute("BEGIN IMMEDIATE")
        results = await asyncio.gather(
            *(database.write(lambda c, n=n: insert(c, n)) for n in range(3)), return_exceptions=True
        )
        assert all(isinstance(result, LedgerUnavailableError) for result in results)
        assert await database.read(numbers) == []
        operator.execute("ROLLBACK")
    assert await database.write(lambda c: insert(c, 9)) == 9
    assert await database.read(numbers) == [9]


@contextmanager
def no_file_larger_than(byte_count: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (byte_count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_disk_that_takes_no_more_is_said_and_loses_nothing_that_was_answered(database: SqliteDatabase) -> None:
    await database.write(lambda c: insert(c, 1))
    big = 20_000_000  # more than the page cache, so that it is written before the commit
    with no_file_larger_than(1_000_000):
        results = await asyncio.gather(
            *(database.write(lambda c, n=n, size=size: insert(c, n, size)) for n, size in ((2, 1), (3, big), (4, 1))),
            return_exceptions=True,
        )
    assert isinstance(results[1], LedgerUnavailableError)
    answered = [n for n, result in zip((2, 3, 4), results, strict=True) if result == n]
    assert await database.read(numbers) == [1, *answered]
    await database.write(lambda c: insert(c, 5))
    assert await database.read(numbers) == [1, *answered, 5]


async def test_a_damaged_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"no database at all" * 1000)
    database = SqliteDatabase(tmp_path / "a.db")
    with pytest.raises(LedgerUnavailableError, match="not a database"):
        await database.read(numbers)
    with pytest.raises(LedgerUnavailableError, match="not a database"):
        await database.write(numbers)
    await database.close()


async def test_a_statement_that_is_wrong_is_not_the_databases_fault(database: SqliteDatabase) -> None:
    with pytest.raises(ValueError, match="my own"):
        await database.read(lambda _connection: (_ for _ in ()).throw(ValueError("my own")))


async def test_closing_commits_what_waits_and_may_be_done_twice(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "a.db")
    await database.write(lambda c: c.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY, b BLOB)")))
    writing = [asyncio.create_task(database.write(lambda c, n=n: insert(c, n))) for n in range(1500)]
    await asyncio.sleep(0)
    await database.close()
    await database.close()
    assert await asyncio.gather(*writing) == list(range(1500))
    with pytest.raises(LedgerUnavailableError, match="closed"):
        await database.write(numbers)
    with pytest.raises(LedgerUnavailableError, match="closed"):
        await database.read(numbers)
