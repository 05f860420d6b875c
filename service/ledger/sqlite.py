"""SQLite: one writer that groups commits, a few readers beside it, and nothing lost once a write has returned."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from service.ledger.database import T, Transaction
from service.ledger.trouble import explained
from service.ledger.writer import GroupWriter
from service.ports.ledger import LedgerUnavailableError


def sqlite_engine(path: Path, *, begin: str, busy_timeout_seconds: float, connections: int = 1) -> Engine:
    """A SQLAlchemy engine whose transactions begin as told (``BEGIN``, ``BEGIN IMMEDIATE``) and survive a power cut."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": busy_timeout_seconds, "check_same_thread": False},
        pool_size=connections,
        max_overflow=0,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: DBAPIConnection, _record: object) -> None:
        # The driver must not begin transactions by its own rules: see "Serializable isolation / Savepoints /
        # Transactional DDL" of SQLAlchemy's SQLite page.
        connection.isolation_level = None
        cursor = connection.cursor()
        # What SQLite keeps of a statement until it is through needs no file, which costs as much as a small commit.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


class SqliteDatabase:
    """The `Database` in one file, for one process.

    Args:
        path: The file; its folder exists.
        readers: How many reads run at once.
        busy_timeout_seconds: How long a write waits for another process, for example an operator's shell.
    """

    def __init__(self, path: Path, *, readers: int = 4, busy_timeout_seconds: float = 5.0) -> None:
        self._write_engine = sqlite_engine(path, begin="BEGIN IMMEDIATE", busy_timeout_seconds=busy_timeout_seconds)
        self._read_engine = sqlite_engine(
            path, begin="BEGIN", busy_timeout_seconds=busy_timeout_seconds, connections=readers
        )
        self._writer = GroupWriter(self._write_engine)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="ledger-reader")
        self._closed = False

    @property
    def groups_commits(self) -> bool:
        """Yes: its writer does."""
        return True

    @property
    def commits(self) -> int:
        """How many commits there were; fewer than transactions when many came at once."""
        return self._writer.commits

    async def read(self, body: Transaction[T]) -> T:
        """Run a body that only reads, on one consistent state."""
        if self._closed:
            raise LedgerUnavailableError("the database is closed")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, body)

    async def write(
        self, body: Transaction[T], settled: Callable[[T], None] | None = None, *, lasting: bool = True
    ) -> T:
        """Run a body and return once what it wrote is durable, if it has to be."""
        return cast(T, await self._writer.write(body, settled, lasting=lasting))

    async def close(self) -> None:
        """Commit what is pending and release the file."""
        self._closed = True
        await self._writer.close()
        await asyncio.to_thread(self._readers.shutdown)
        self._write_engine.dispose()
        self._read_engine.dispose()

    def _read(self, body: Transaction[Any]) -> Any:
        try:
            with self._read_engine.connect() as connection:
                return body(connection)
        except Exception as error:
            raise explained(error) from error
