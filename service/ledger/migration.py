"""Bringing a database to the schema of this version, and refusing one that is at another."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, func, select

from service.ledger.sqlite import sqlite_engine
from service.ledger.trouble import explained
from service.ports.ledger import LedgerUnavailableError

_PATIENCE_SECONDS = 60.0
_LOCK = 0x61667465_72696D67
"""Of the advisory lock under which the schema is changed: "afterimg", as a number that no other program chose."""

Step = Callable[[Connection], None]
"""Brings one part of a database to this version; does nothing where it is there already."""


def migrate(path: Path) -> None:
    """Bring the SQLite file to this version's schema; it is made when it is not there.

    All steps are one transaction that begins with the write lock: it happens wholly or not at all, and of several
    processes that start at once one does it and the others find it done.

    Raises:
        LedgerUnavailableError: the file was written by a later version.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sqlite_engine(path, begin="BEGIN IMMEDIATE", busy_timeout_seconds=_PATIENCE_SECONDS)
    try:
        with engine.begin() as connection:
            _upgrade(connection)
    finally:
        engine.dispose()


def migrate_postgres(url: str, *more: Step) -> None:
    """Bring a Postgres database to this version's schema.

    All steps are one transaction under an advisory lock: it happens wholly or not at all, and of several processes
    that start at once one does it and the others find it done.

    Args:
        url: The database, which exists.
        more: Steps of others who keep something in the same database, run after the ledger's own.

    Raises:
        LedgerUnavailableError: the server cannot be reached, or the database was written by a later version.
    """
    from service.ledger.postgres_connections import postgres_engine

    engine = postgres_engine(url, connections=1, patient=True)
    try:
        with engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            for step in (_upgrade, *more):
                step(connection)
    except Exception as error:
        raise explained(error) from error
    finally:
        engine.dispose()


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise LedgerUnavailableError(f"the database was written by a later version: {error}") from error


def check_schema(connection: Connection) -> None:
    """Make sure that the database has this version's schema.

    Raises:
        LedgerUnavailableError: it has another; the message says what to do.
    """
    found, expected = MigrationContext.configure(connection).get_current_heads(), _expected()
    if found != (expected,):
        raise LedgerUnavailableError(
            f"the database has schema {', '.join(found) or 'none'}, this version needs {expected}: "
            "run `afterimage migrate`"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config


@functools.cache
def _expected() -> str | None:
    """The revision that this version's statements are written for."""
    return ScriptDirectory.from_config(_config()).get_current_head()
