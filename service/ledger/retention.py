"""Statements of housekeeping and watching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, TextClause, delete, exists, func, select, text, update

from service.domain.jobs import Job
from service.ledger.batch_schema import items
from service.ledger.rows import job_of
from service.ledger.schema import attempts, deliveries, jobs
from service.ledger.types import at

_ITEMS_FOR_A_JOB = 20  # rows of items that are removed in place of one job's
_PENDING = text("deliveries.state = 'pending'")  # literally, so that the partial index serves it
_QUEUED = text("jobs.status = 'queued'")
_SENDING = exists().where(deliveries.c.job_id == jobs.c.id, _PENDING)


def expired(connection: Connection, now: datetime, limit: int) -> Sequence[Job]:
    """Finished jobs whose pictures are due to go and needed by no message."""
    query = (
        select(jobs)
        .where(jobs.c.removed_at.is_(None), jobs.c.expires_at <= now, ~_SENDING)
        .order_by(jobs.c.expires_at)
        .limit(limit)
    )
    return [job_of(row) for row in connection.execute(query)]


def expire(connection: Connection, job_id: str, now: datetime) -> None:
    """Record that the pictures of a finished job are gone."""
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.finished_at.is_not(None))
        .values(removed_at=func.coalesce(jobs.c.removed_at, at(now)))
    )


def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Remove the rows of old jobs; what belongs to them goes by cascade, the items of large batches before."""
    old = select(jobs.c.id).where(jobs.c.removed_at < before, ~_SENDING).order_by(jobs.c.removed_at).limit(limit)
    if removed := _prune_items(connection, connection.scalars(old).all(), limit * _ITEMS_FOR_A_JOB):
        return min(removed, limit)
    return connection.execute(delete(jobs).where(jobs.c.id.in_(old))).rowcount


def _prune_items(connection: Connection, job_ids: Sequence[str], limit: int) -> int:
    """Remove a portion of the items of some batches, so that no transaction takes long; 0 once there are none."""
    if not job_ids:
        return 0
    first = select(items.c.job_id, items.c.number).where(items.c.job_id.in_(job_ids))
    found = connection.execute(first.order_by(items.c.job_id, items.c.number).limit(limit)).all()
    for job_id in {row.job_id for row in found}:
        last = max(row.number for row in found if row.job_id == job_id)
        for table, number in ((attempts, attempts.c.item), (items, items.c.number)):
            connection.execute(delete(table).where(table.c.job_id == job_id, number <= last))
    return len(found)


def counts(connection: Connection) -> Mapping[str, int]:
    """How many are on their way; each count reads one partial index, and nothing of what has ended."""
    queued, unfinished = _count(connection, jobs, _QUEUED), _count(connection, jobs, jobs.c.finished_at.is_(None))
    return {
        "job_queued": queued,
        "job_running": unfinished - queued,
        "delivery_pending": _count(connection, deliveries, _PENDING),
    }


def _count(connection: Connection, table: Table, condition: ColumnElement[bool] | TextClause) -> int:
    return connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one()


def oldest_pending_delivery(connection: Connection) -> datetime | None:
    """When the message that waits longest was created."""
    return connection.execute(select(func.min(deliveries.c.created_at)).where(_PENDING)).scalar()
