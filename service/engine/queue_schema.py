"""Procrastinate's tables beside the ledger's: made, brought to the version that is installed, and checked."""

from __future__ import annotations

from pathlib import Path

from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, text

from service.ports.ledger import LedgerUnavailableError

_FOUND = text(
    "SELECT to_regclass('procrastinate_jobs') IS NOT NULL, obj_description(to_regclass('procrastinate_jobs'))"
)
_MARK = "Afterimage: "

# Whoever takes an entry looks for others with its lock. Without this index, and before the table's first statistics,
# that takes 300 ms of a backlog of 10,000 entries; with it 1 ms.
_INDEX = """CREATE INDEX IF NOT EXISTS afterimage_entries_by_lock ON procrastinate_jobs (lock)
WHERE status IN ('todo', 'doing')"""


def migrate_queue(connection: Connection) -> None:
    """Bring Procrastinate's tables to the version that is installed, within the caller's transaction.

    Which version they have is written into the comment of one of them.

    Raises:
        LedgerUnavailableError: another program made them, or a later version did.
    """
    there, version = _version(connection)
    steps = _steps()
    if not there:
        _run(connection, SchemaManager.get_schema())
    elif version is None:
        raise LedgerUnavailableError(
            "the database has tables of Procrastinate that another program made: give Afterimage a database of its own"
        )
    elif version not in steps:
        raise LedgerUnavailableError(f"the queue was made by a later version: it has schema {version}")
    else:
        for name in steps[steps.index(version) + 1 :]:
            _run(connection, (_folder() / name).read_text(encoding="utf-8"))
    _run(connection, _INDEX)
    _run(connection, f"COMMENT ON TABLE procrastinate_jobs IS '{_MARK}{steps[-1]}'")


def check_queue(connection: Connection) -> None:
    """Make sure that the tables are those of the version that is installed.

    Raises:
        LedgerUnavailableError: they are not; the message says what to do.
    """
    _, version = _version(connection)
    expected = _steps()[-1]
    if version != expected:
        raise LedgerUnavailableError(
            f"the queue has schema {version or 'none'}, this version needs {expected}: run `afterimage migrate`"
        )


def _version(connection: Connection) -> tuple[bool, str | None]:
    there, comment = connection.execute(_FOUND).one()
    return there, comment.removeprefix(_MARK) if comment is not None and comment.startswith(_MARK) else None


def _folder() -> Path:
    return Path(SchemaManager.get_migrations_path())


def _steps() -> list[str]:
    """The names of Procrastinate's migrations, in the order in which they are to be run."""
    return sorted(path.name for path in _folder().glob("*.sql"))


def _run(connection: Connection, statements: str) -> None:
    connection.exec_driver_sql(statements, execution_options={"no_parameters": True})
