from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from service.ledger.migration import check_schema, migrate
from service.ledger.schema import metadata
from service.ledger.sqlite import SqliteDatabase
from service.ports.ledger import LedgerUnavailableError

_MIGRATE = "import sys, pathlib; from service.ledger.migration import migrate; migrate(pathlib.Path(sys.argv[1]))"


def described(path: Path) -> dict[str, object]:
    """Everything that a database's own description of its tables says; the order in which it does means nothing."""
    engine = create_engine(f"sqlite:///{path}")
    found: dict[str, object] = {}
    inspector = inspect(engine)
    for table in set(inspector.get_table_names()) - {"alembic_version"}:
        found[f"{table}.columns"] = {column["name"]: str(column) for column in inspector.get_columns(table)}
        found[f"{table}.key"] = inspector.get_pk_constraint(table)
        for kind in (inspector.get_foreign_keys, inspector.get_check_constraints):
            found[f"{table}.{kind.__name__}"] = {part["name"]: part for part in kind(table)}
    with engine.connect() as connection:
        indices = connection.execute(
            text("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        )
        found["indices"] = {row.name: row.sql for row in indices}
    engine.dispose()
    return found


async def check(path: Path) -> None:
    database = SqliteDatabase(path)
    try:
        await database.read(check_schema)
    finally:
        await database.close()


async def test_the_migrations_lead_to_the_schema_that_the_statements_are_written_for(tmp_path: Path) -> None:
    migrate(tmp_path / "migrated.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'created.db'}")
    metadata.create_all(engine)
    engine.dispose()
    assert described(tmp_path / "migrated.db") == described(tmp_path / "created.db")
    await check(tmp_path / "migrated.db")


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "that is not there" / "a.db"
    migrate(path)
    before = described(path)
    migrate(path)
    assert described(path) == before


async def test_of_several_processes_at_once_one_migrates_and_all_go_on(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    run = [asyncio.create_subprocess_exec(sys.executable, "-c", _MIGRATE, str(path)) for _ in range(4)]
    assert [await process.wait() for process in await asyncio.gather(*run)] == [0] * 4
    await check(path)


async def test_a_database_without_the_schema_is_refused_with_the_command_to_run(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailableError, match=r"schema none, this version needs \d+: run `afterimage migrate`"):
        await check(tmp_path / "a.db")


async def test_a_database_of_a_later_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    migrate(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(LedgerUnavailableError, match="schema 9999"):
        await check(path)
    with pytest.raises(LedgerUnavailableError, match="later version"):
        migrate(path)
