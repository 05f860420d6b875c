"""Procrastinate's ways to the database: on the ledger's connection within its transaction, and on some of our own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from procrastinate import PsycopgConnector
from procrastinate.connector import BaseConnector
from procrastinate.exceptions import ConnectorException, NoResult, UniqueViolation
from psycopg import AsyncConnection, InterfaceError, OperationalError, errors
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, CursorResult
from sqlalchemy.exc import IntegrityError

from service.ports.ledger import LedgerUnavailableError

# A queue grows and shrinks faster than statistics follow. With those of an empty table Postgres sorts all that waits to
# take one entry: 4 ms of 3,000, where the index in their order takes 0.04 ms however many there are.
_PLANS = "-c enable_sort=off"
_PATIENCE_SECONDS = 5.0  # for a connection
_KEY = re.compile(r"Key \((?P<column>.*?)\)=\((?P<value>.*?)\)")


class TransactionConnector(BaseConnector):
    """Runs Procrastinate's statements where its caller's own run, so that both are committed together or not at all.

    Errors are SQLAlchemy's, but for the one that Procrastinate itself waits for: a lock that is taken.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get_sync_connector(self) -> BaseConnector:
        """This connector is one."""
        return self

    def execute_query(self, query: str, **arguments: Any) -> None:
        """Run a statement."""
        self._execute(query, arguments)

    def execute_query_one(self, query: str, **arguments: Any) -> dict[str, Any]:
        """Run a statement; its first row."""
        row = self._execute(query, arguments).mappings().first()
        if row is None:
            raise NoResult
        return dict(row)

    def execute_query_all(self, query: str, **arguments: Any) -> list[dict[str, Any]]:
        """Run a statement; its rows."""
        return [dict(row) for row in self._execute(query, arguments).mappings()]

    def _execute(self, query: str, arguments: dict[str, Any]) -> CursorResult[Any]:
        try:
            return self._connection.exec_driver_sql(query, {name: _adapted(value) for name, value in arguments.items()})
        except IntegrityError as error:
            if isinstance(error.orig, errors.UniqueViolation):
                raise _violation(error.orig) from error
            raise


class PooledConnector(PsycopgConnector):
    """Runs each of Procrastinate's statements by itself, on one of a few connections.

    All methods raise `LedgerUnavailableError` while the database is away.

    Args:
        parameters: Of libpq, for each connection.
        connections: How many there are at most.
    """

    def __init__(self, parameters: Mapping[str, str], *, connections: int) -> None:
        super().__init__(
            kwargs={**parameters, "options": f"{parameters.get('options', '')} {_PLANS}".lstrip()},
            configure=_commit_by_itself,
            min_size=1,
            max_size=connections,
            timeout=_PATIENCE_SECONDS,
            reconnect_timeout=5,  # then whoever asks next tries anew, where the pool would wait ever longer
        )

    async def execute_query_async(self, query: str, **arguments: Any) -> None:
        """Run a statement."""
        with _explained():
            await super().execute_query_async(query, **arguments)

    async def execute_query_one_async(self, query: str, **arguments: Any) -> dict[str, Any]:
        """Run a statement; its first row."""
        with _explained():
            row: dict[str, Any] = await super().execute_query_one_async(query, **arguments)
        return row

    async def execute_query_all_async(self, query: str, **arguments: Any) -> list[dict[str, Any]]:
        """Run a statement; its rows."""
        with _explained():
            rows: list[dict[str, Any]] = await super().execute_query_all_async(query, **arguments)
        return rows


async def _commit_by_itself(connection: AsyncConnection) -> None:
    await connection.set_autocommit(True)  # every use is one statement


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except ConnectorException as error:
        if isinstance(error.__cause__, OperationalError | InterfaceError):
            reason = str(error.__cause__).partition("\n")[0]
            raise LedgerUnavailableError(f"the queue cannot be used: {reason}") from error
        raise


def _adapted(value: Any) -> Any:
    """A value as psycopg takes it: objects as JSON, also within rows."""
    if isinstance(value, dict):
        return Jsonb(value)
    if isinstance(value, tuple):
        return tuple(map(_adapted, value))
    if isinstance(value, list):
        return list(map(_adapted, value))
    return value


def _violation(error: errors.UniqueViolation) -> UniqueViolation:
    key = _KEY.search(error.diag.message_detail or "")
    queueing_lock = key["value"] if key is not None and key["column"] == "queueing_lock" else None
    return UniqueViolation(constraint_name=error.diag.constraint_name, queueing_lock=queueing_lock)
