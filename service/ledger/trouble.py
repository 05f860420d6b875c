"""What a driver's errors mean."""

from __future__ import annotations

import sqlite3

import psycopg
from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction
from sqlalchemy.exc import DBAPIError

from service.ports.ledger import LedgerUnavailableError


def explained(error: Exception) -> Exception:
    """An error as the port names it: unavailable when the database is the cause, otherwise as it is."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if _sqlite_is_away(cause) or _postgres_is_away(cause):
        reason = str(cause).partition("\n")[0]
        unavailable = LedgerUnavailableError(f"the database cannot be used: {reason}")
        unavailable.__cause__ = error
        return unavailable
    return error


def _sqlite_is_away(cause: BaseException | None) -> bool:
    # A damaged file is a plain DatabaseError; of its subclasses all but one are faults of the statement.
    return isinstance(cause, sqlite3.OperationalError) or type(cause) is sqlite3.DatabaseError


def _postgres_is_away(cause: BaseException | None) -> bool:
    # Operational are connections that fail or break, a server that stops, starts or has no room, and waits that took
    # too long. A server that takes no writes has been replaced by another one; what is not permitted is for an operator
    # to mend, as a server that is away.
    return isinstance(
        cause, psycopg.OperationalError | psycopg.InterfaceError | ReadOnlySqlTransaction | InsufficientPrivilege
    )
