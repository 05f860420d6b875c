from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, column, create_engine, insert, inspect, text

from service.ledger import migration
from service.ledger.migration import check_schema, migrate, migrate_postgres
from service.ledger.postgres import PostgresDatabase
from service.ledger.postgres_connections import postgres_engine
from service.ledger.schema import metadata
from service.ledger.sqlite import SqliteDatabase
from service.ports.ledger import LedgerUnavailableError
from tests.servers.postgres import PostgresServer
from tests.servers.processes import free_port

_JOB = {
    "id": "job_1",
    **dict.fromkeys(("tenant", "contract", "operation", "prompt"), "x"),
    **dict.fromkeys(("target", "parameters", "metadata", "warnings"), "{}"),
    **dict.fromkeys(("created_at", "priority", "run", "total", "succeeded", "fallback", "failed", "skipped"), 0),
    "retry_possibly_billed": False,
    "status": "queued",
}
_ITEM = {
    "job_id": "job_1",
    "number": 1,
    "stream": 0,
    "source_bucket": "in",
    "source_key": "a.png",
    "target_key": "out/a_modified.png",
    "byte_count": 7,
    "etag": "e",
    "status": "succeeded",
    "due_at": 1,
    "run": 2,
    "finished_at": 3,
    "output": '{"width": 1}',
    "warnings": "[]",
    "cost_usd": 0.25,
    "reserved_usd": 0.0,
}
_MIGRATE = "import sys, pathlib; from service.ledger.migration import migrate; migrate(pathlib.Path(sys.argv[1]))"
_MIGRATE_POSTGRES = "import sys; from service.ledger.migration import migrate_postgres; migrate_postgres(sys.argv[1])"
_INDICES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "postgresql": "SELECT indexname AS name, indexdef AS sql FROM pg_indexes WHERE schemaname = 'public'",
}


def engine_of(where: Path | str) -> Engine:
    if isinstance(where, Path):
        return create_engine(f"sqlite:///{where}")
    return postgres_engine(where, connections=1)


def described(where: Path | str) -> dict[str, object]:
    """Everything that a database's own description of its tables says; the order in which it does means nothing."""
    engine = engine_of(where)
    found: dict[str, object] = {}
    inspector = inspect(engine)
    for table in set(inspector.get_table_names()) - {"alembic_version"}:
        found[f"{table}.columns"] = {column["name"]: str(column) for column in inspector.get_columns(table)}
        found[f"{table}.key"] = inspector.get_pk_constraint(table)
        for kind in (inspector.get_foreign_keys, inspector.get_check_constraints):
            found[f"{table}.{kind.__name__}"] = {part["name"]: part for part in kind(table)}
    with engine.connect() as connection:
        indices = connection.execute(text(_INDICES[engine.dialect.name]))
        found["indices"] = {row.name: row.sql for row in indices if not row.name.startswith("alembic_version")}
    engine.dispose()
    return found


async def check(where: Path | str) -> None:
    database = SqliteDatabase(where) if isinstance(where, Path) else PostgresDatabase(where)
    try:
        await database.read(check_schema)
    finally:
        await database.close()


@pytest.fixture
def another_postgres_url(postgres: PostgresServer) -> Iterator[str]:
    name = postgres.create_database()
    yield postgres.url(name)
    postgres.drop_database(name)


async def test_the_migrations_lead_to_the_schema_that_the_statements_are_written_for(tmp_path: Path) -> None:
    migrate(tmp_path / "migrated.db")
    create_all(tmp_path / "created.db")
    assert described(tmp_path / "migrated.db") == described(tmp_path / "created.db")
    await check(tmp_path / "migrated.db")


async def test_they_lead_to_it_on_postgres_too(empty_postgres_url: str, another_postgres_url: str) -> None:
    migrate_postgres(empty_postgres_url)
    create_all(another_postgres_url)
    assert described(empty_postgres_url) == described(another_postgres_url)
    await check(empty_postgres_url)


def create_all(where: Path | str) -> None:
    engine = engine_of(where)
    metadata.create_all(engine)
    engine.dispose()


def test_the_items_of_an_older_version_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    config = Config()
    config.set_main_option("script_location", str(Path(migration.__file__).with_name("migrations")))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        for name, row in (("jobs", _JOB), ("items", _ITEM)):
            connection.execute(insert(sqlalchemy.table(name, *map(column, row))).values(row))
    engine.dispose()
    migrate(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        kept = dict(connection.execute("SELECT * FROM items").fetchone())
    assert {name: value for name, value in kept.items() if value is not None} == _ITEM


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


class TestPostgres:
    def test_migrating_again_changes_nothing(self, empty_postgres_url: str) -> None:
        migrate_postgres(empty_postgres_url)
        before = described(empty_postgres_url)
        migrate_postgres(empty_postgres_url)
        assert described(empty_postgres_url) == before

    async def test_of_several_processes_at_once_one_migrates_and_all_go_on(self, empty_postgres_url: str) -> None:
        program = [sys.executable, "-c", _MIGRATE_POSTGRES, empty_postgres_url]
        processes = await asyncio.gather(*(asyncio.create_subprocess_exec(*program) for _ in range(4)))
        assert [await process.wait() for process in processes] == [0] * 4
        await check(empty_postgres_url)

    def test_it_happens_wholly_or_not_at_all(self, empty_postgres_url: str) -> None:
        def failing(connection: Connection) -> None:
            connection.execute(text("CREATE TABLE of_others (n int)"))
            raise ValueError("half")

        with pytest.raises(ValueError, match="half"):
            migrate_postgres(empty_postgres_url, failing)
        assert described(empty_postgres_url)["indices"] == {}
        migrate_postgres(empty_postgres_url, lambda c: c.execute(text("CREATE TABLE of_others (n int)")))
        assert {"jobs.key", "of_others.key"} <= described(empty_postgres_url).keys()

    async def test_a_database_without_the_schema_is_refused_with_the_command_to_run(
        self, empty_postgres_url: str
    ) -> None:
        with pytest.raises(
            LedgerUnavailableError, match=r"schema none, this version needs \d+: run `afterimage migrate`"
        ):
            await check(empty_postgres_url)

    async def test_a_database_of_a_later_version_is_refused_and_left_alone(self, postgres_url: str) -> None:
        with psycopg.connect(postgres_url) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(LedgerUnavailableError, match="schema 9999"):
            await check(postgres_url)
        with pytest.raises(LedgerUnavailableError, match="later version"):
            migrate_postgres(postgres_url)

    def test_a_user_who_may_not_make_tables_is_told(self, empty_postgres_url: str) -> None:
        with psycopg.connect(empty_postgres_url) as connection:
            connection.execute("DO $$ BEGIN CREATE ROLE visitor LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
        with pytest.raises(LedgerUnavailableError, match="permission denied for schema public"):
            migrate_postgres(empty_postgres_url.replace("postgres@", "visitor@"))

    def test_a_server_that_does_not_answer_is_said(self) -> None:
        with pytest.raises(LedgerUnavailableError):
            migrate_postgres(f"postgresql://postgres@127.0.0.1:{free_port()}/x")
