"""Postgres: many processes, each with a few connections and as many threads that run transactions on them.

Writes are READ COMMITTED: every statement sees what was committed before it, and what must not change meanwhile is
locked by the statements themselves, always a job before its batch and that before its items. SERIALIZABLE would need
no locks, but the items of a batch all count in the same two rows, and most of them would be rolled back and repeated.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from psycopg.errors import DeadlockDetected, SerializationFailure
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from service.ledger.database import Transaction
from service.ledger.postgres_connections import postgres_engine
from service.ledger.trouble import explained
from service.ports.ledger import LedgerUnavailableError

T = TypeVar("T")

_ATTEMPTS = 6


class PostgresDatabase:
    """The `Database` on a server that many processes share.

    Nothing is asked in advance whether a connection still works: a transaction that finds it broken is run again on a
    new one, as is one that the server chose as the victim of a deadlock. Only where the connection breaks while the
    commit is under way is it unknown what became of the transaction, and the caller is told that it failed.

    Args:
        url: ``postgresql://user:password@host:5432/database``, with the parameters of libpq.
        connections: How many transactions run at once.
        patience_seconds: How long one may wait for its turn before it is given up, so that callers who queue up while
            the server is away are let go.
    """

    def __init__(self, url: str, *, connections: int = 10, patience_seconds: float = 30.0) -> None:
        self._engine = postgres_engine(url, connections=connections)
        self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="ledger")
        self._patience_seconds = patience_seconds
        self._retrying = Retrying(
            retry=retry_if_exception(_is_worth_another_run),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.02, max=1),
            reraise=True,
        )
        self._closed = False

    async def read(self, body: Transaction[T]) -> T:
        """Run a body that only reads, on one consistent state."""
        self._check_open()
        return await asyncio.wrap_future(self._threads.submit(self._run, self._read, body, time.monotonic()))

    @property
    def groups_commits(self) -> bool:
        """No: each transaction has a connection, and its commit, for itself."""
        return False

    async def write(
        self,
        body: Transaction[T],
        settled: Callable[[T], None] | None = None,
        *,
        lasting: bool = True,  # noqa: ARG002 - the server may fail while others live who have seen the write
    ) -> T:
        """Run a body and return once what it wrote is durable."""
        self._check_open()
        running = self._threads.submit(self._run, self._write, body, time.monotonic())
        outcome = asyncio.wrap_future(running)
        if settled is not None:
            outcome.add_done_callback(partial(_tell, settled))
        try:
            return await asyncio.shield(outcome)
        except asyncio.CancelledError:
            if not running.cancel():  # it has begun
                await asyncio.wait([outcome])
            raise

    async def close(self) -> None:
        """Commit what is pending and release the connections."""
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)
        self._engine.dispose()

    def _check_open(self) -> None:
        if self._closed:
            raise LedgerUnavailableError("the database is closed")

    def _run(self, transact: Callable[[Transaction[T]], T], body: Transaction[T], asked_at: float) -> T:
        if time.monotonic() - asked_at > self._patience_seconds:
            raise LedgerUnavailableError(f"the database had no time for this within {self._patience_seconds:g} s")
        try:
            return self._retrying(transact, body)
        except Exception as error:
            raise explained(error) from error

    def _read(self, body: Transaction[T]) -> T:
        with self._reading.connect() as connection:
            return body(connection)

    def _write(self, body: Transaction[T]) -> T:
        with self._engine.connect() as connection:
            result = body(connection)
            try:
                connection.commit()
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise LedgerUnavailableError("the connection broke while a transaction was committed") from error
                raise
            return result


def _is_worth_another_run(error: BaseException) -> bool:
    """Whether nothing came of a transaction for a reason that another run need not meet."""
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or isinstance(error.orig, DeadlockDetected | SerializationFailure)


def _tell(settled: Callable[[T], None], outcome: asyncio.Future[T]) -> None:
    if not outcome.cancelled() and outcome.exception() is None:
        settled(outcome.result())
