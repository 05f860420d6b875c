"""Procrastinate's way to the database over a connection of SQLAlchemy, inside whatever transaction is open there."""

from __future__ import annotations

import re
from typing import Any

from procrastinate.connector import BaseConnector
from procrastinate.exceptions import NoResult, UniqueViolation
from psycopg import errors
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, CursorResult
from sqlalchemy.exc import IntegrityError

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
