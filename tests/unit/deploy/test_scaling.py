"""The query by which KEDA scales, put to a real queue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import create_engine

from service.domain.work import Work, WorkKind
from service.engine.entries import defer, entry_of
from service.engine.queue import Queue
from service.engine.queue_schema import migrate_queue
from service.ledger.migration import migrate_postgres
from service.ledger.postgres_connections import connection_parameters
from tests.unit.deploy.kubernetes import named

NOW = datetime.now(UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def url(empty_postgres_url: str) -> str:
    migrate_postgres(empty_postgres_url, migrate_queue)
    return empty_postgres_url


def queue(url: str, work: Sequence[Work]) -> None:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        defer(connection, [entry_of(piece, now=NOW) for piece in work])
    engine.dispose()


def asked_for(url: str) -> int:
    """What KEDA reads, over its own connection."""
    (trigger,) = named("ScaledObject", "afterimage-worker")["spec"]["triggers"]
    with psycopg.connect(url) as connection:
        row = connection.execute(trigger["metadata"]["query"]).fetchone()
    assert row is not None
    return int(row[0])


def test_nothing_is_asked_for_while_there_is_nothing_to_do(url: str) -> None:
    assert asked_for(url) == 0
    queue(url, [Work(kind=WorkKind.HOUSEKEEPING, ref="prune", due_at=NOW)])
    assert asked_for(url) == 0


def test_what_is_due_counts_by_its_pictures_and_what_is_due_later_does_not(url: str) -> None:
    queue(
        url,
        [
            Work(kind=WorkKind.JOB, ref="job_1", due_at=NOW),
            Work(kind=WorkKind.JOB, ref="job_2", due_at=LATER),
            Work(kind=WorkKind.SHARD, ref="job_3/0", due_at=NOW),
            Work(kind=WorkKind.DELIVERY, ref="msg_1", due_at=NOW),
            Work(kind=WorkKind.DELIVERY, ref="msg_2", due_at=LATER),
        ],
    )
    assert asked_for(url) == 1 + 25 + 1


async def test_what_runs_counts_until_it_is_done(url: str) -> None:
    queue(url, [Work(kind=WorkKind.JOB, ref="job_1", due_at=NOW)])
    entries = Queue(connection_parameters(url))
    await entries.open()
    try:
        await entries.enlist()
        (entry,) = await entries.take(WorkKind.JOB)
        assert asked_for(url) == 1
        await entries.finish(entry)
        assert asked_for(url) == 0
    finally:
        await entries.close()
