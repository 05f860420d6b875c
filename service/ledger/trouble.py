"""Telling a database that cannot be used now from a statement that is wrong."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError

from service.ports.ledger import LedgerUnavailableError


def explained(error: Exception) -> Exception:
    """An error as the port names it: unavailable when the database is the cause, otherwise as it is."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    # A damaged file is a plain DatabaseError; of its subclasses all but one are faults of the statement.
    if isinstance(cause, sqlite3.OperationalError) or type(cause) is sqlite3.DatabaseError:
        unavailable = LedgerUnavailableError(f"the database cannot be used: {cause}")
        unavailable.__cause__ = error
        return unavailable
    return error
