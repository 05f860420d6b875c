from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, create_engine, inspect, text

from service.engine.queue_schema import check_queue, migrate_queue
from service.ports.ledger import LedgerUnavailableError


@pytest.fixture
def connection(empty_postgres_url: str) -> Iterator[Connection]:
    engine = create_engine(empty_postgres_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_tables_are_made_once_and_then_as_they_should_be(connection: Connection) -> None:
    with pytest.raises(LedgerUnavailableError, match=r"has schema none.*run `afterimage migrate`"):
        check_queue(connection)
    for _ in range(2):
        migrate_queue(connection)
        check_queue(connection)
    assert {"procrastinate_jobs", "procrastinate_workers"} <= set(inspect(connection).get_table_names())


def test_tables_of_an_earlier_version_are_brought_forward(connection: Connection) -> None:
    steps = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    last = next(step for step in reversed(steps) if step.name < "03.04")
    for step in steps[: steps.index(last) + 1]:
        connection.exec_driver_sql(step.read_text(), execution_options={"no_parameters": True})
        connection.commit()
    connection.execute(text(f"COMMENT ON TABLE procrastinate_jobs IS 'Afterimage: {last.name}'"))
    with pytest.raises(LedgerUnavailableError, match=last.name):
        check_queue(connection)
    migrate_queue(connection)
    check_queue(connection)
    brought = text("SELECT count(*) FROM pg_proc WHERE proname = 'procrastinate_retry_job_v2'")
    assert connection.scalar(brought) == 1


def test_tables_of_a_later_version_are_refused(connection: Connection) -> None:
    migrate_queue(connection)
    connection.execute(text("COMMENT ON TABLE procrastinate_jobs IS 'Afterimage: 99.00.00_01_pre_new.sql'"))
    with pytest.raises(LedgerUnavailableError, match=r"later version.*99\.00\.00"):
        migrate_queue(connection)


def test_tables_that_another_program_made_are_left_alone(connection: Connection) -> None:
    migrate_queue(connection)
    connection.execute(text("COMMENT ON TABLE procrastinate_jobs IS NULL"))
    with pytest.raises(LedgerUnavailableError, match="a database of its own"):
        migrate_queue(connection)
