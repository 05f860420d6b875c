"""One thread that writes, and groups commits: all transactions that wait share one fsync."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Connection, Engine

from service.ledger.database import Transaction
from service.ledger.joining import Joinable, Kind
from service.ledger.trouble import explained
from service.ports.ledger import LedgerUnavailableError

_MOST_IN_ONE_COMMIT = 512
_TOLD_IN_ONE_TURN = 4


@dataclass(slots=True)
class _Write:
    body: Transaction[Any]
    settled: Callable[[Any], None] | None
    lasting: bool
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    future: asyncio.Future[Any] = field(init=False)

    def __post_init__(self) -> None:
        self.future = self.loop.create_future()


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


class GroupWriter:
    """Runs transactions one after the other in a thread of its own.

    While one group is being synced to the disk the next one gathers, so that the number of commits follows the disk
    and not the number of callers. Each transaction has a savepoint: one that fails leaves the others alone. Those of a
    kind are run together; where that fails, or leaves some of them out, each is run alone.

    Args:
        engine: Its transactions begin with the write lock, so that no statement of a group can meet a busy database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._settling = _Settling()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="ledger-writer", daemon=True)
        self._thread.start()
        self.commits = 0

    async def write(self, body: Transaction[Any], settled: Callable[[Any], None] | None, *, lasting: bool) -> Any:
        """Run a body in the next group; see `Database.write`."""
        if self._closed:
            raise LedgerUnavailableError("the database is closed")
        write = _Write(body, settled, lasting)
        self._waiting.put(write)
        try:
            return await asyncio.shield(write.future)
        except asyncio.CancelledError:
            await asyncio.wait([write.future])
            raise

    async def close(self) -> None:
        """Commit what waits and end the thread."""
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        closing = False
        while not closing:
            group = [self._waiting.get()]
            with suppress(queue.Empty):
                while len(group) < _MOST_IN_ONE_COMMIT:
                    group.append(self._waiting.get_nowait())
            closing = None in group  # nothing follows it
            if writes := [write for write in group if write is not None]:
                outcomes = self._commit(writes)
                writes[0].loop.call_soon_threadsafe(self._settling.add, writes, outcomes)

    def _commit(self, writes: Sequence[_Write]) -> list[Any]:
        try:
            with self._engine.connect() as connection:
                driver = cast(sqlite3.Connection, connection.connection.driver_connection)
                # NORMAL leaves the log to the next commit that is synced: https://www.sqlite.org/pragma.html#pragma_synchronous
                driver.execute(f"PRAGMA synchronous={'FULL' if any(write.lasting for write in writes) else 'NORMAL'}")
                with connection.begin():
                    outcomes = _outcomes(connection, driver, [write.body for write in writes])
            self.commits += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            return [_Failed(explained(error))] * len(writes)
        return outcomes


def _outcomes(connection: Connection, driver: sqlite3.Connection, bodies: Sequence[Transaction[Any]]) -> list[Any]:
    kinds: dict[Kind[Any, Any], list[Joinable[Any, Any]]] = {}
    for body in bodies:
        if isinstance(body, Joinable):
            kinds.setdefault(body.kind, []).append(body)
    made: dict[Transaction[Any], Any] = {}
    for kind, alike in kinds.items():
        if len(alike) > 1:
            results = _outcome(connection, driver, kind.joined(alike))
            if not isinstance(results, _Failed):
                made |= {body: result for body, result in zip(alike, results, strict=True) if result is not None}
    return [made[body] if body in made else _outcome(connection, driver, body) for body in bodies]


def _outcome(connection: Connection, driver: sqlite3.Connection, body: Transaction[Any]) -> Any:
    # Past SQLAlchemy, whose own savepoints cost more than many a transaction here.
    driver.execute("SAVEPOINT body")
    try:
        result = body(connection)
    except Exception as error:
        if not driver.in_transaction:
            # A full disk and the like: SQLite has rolled back all of it, so the whole group has failed.
            # https://www.sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction
            raise
        driver.execute("ROLLBACK TO body")
        result = _Failed(explained(error))
    driver.execute("RELEASE body")
    return result


class _Settling:
    """Tells those who wait what became of their transactions, a few in each turn of the event loop.

    Whoever is told goes on at once; a whole group going on in one turn would keep everybody else waiting meanwhile.
    """

    def __init__(self) -> None:
        self._settled: deque[tuple[_Write, Any]] = deque()

    def add(self, writes: Sequence[_Write], outcomes: Sequence[Any]) -> None:
        """Tell these after all that were added before; called on the event loop."""
        idle = not self._settled
        self._settled.extend(zip(writes, outcomes, strict=True))
        if idle:
            self._tell()

    def _tell(self) -> None:
        told = [self._settled.popleft() for _ in range(min(_TOLD_IN_ONE_TURN, len(self._settled)))]
        for write, outcome in told:
            if isinstance(outcome, _Failed):
                write.future.set_exception(outcome.error)
            else:
                write.future.set_result(outcome)
        if self._settled:
            asyncio.get_running_loop().call_soon(self._tell)
        for write, outcome in told:
            if write.settled is not None and not isinstance(outcome, _Failed):
                write.settled(outcome)
