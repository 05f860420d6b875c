"""Statements about events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select

from service.domain.events import Event
from service.ledger.rows import event_of
from service.ledger.schema import events

CHANNEL = "afterimage_events"
"""Where Postgres tells all processes, once a transaction is committed, which job has a new event."""

_LAST = select(func.coalesce(func.max(events.c.sequence), 0)).where(events.c.job_id == bindparam("of_job"))
_APPEND = insert(events).values(sequence=_LAST.scalar_subquery() + 1)
_APPEND_AND_NOTIFY = _APPEND.returning(func.pg_notify(CHANNEL, events.c.job_id))


def happened(job_id: str, kind: str, moment: datetime, data: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """An event that is to be appended; it is given its number then."""
    return {"of_job": job_id, "job_id": job_id, "type": kind, "at": moment, "data": data or {}}


def append(connection: Connection, *happenings: Mapping[str, Any]) -> None:
    """Write events, one of a job at most, under the next number of each job.

    The transaction has written or locked the jobs' rows before, so nobody else can.
    """
    if happenings:
        statement = _APPEND_AND_NOTIFY if connection.dialect.name == "postgresql" else _APPEND
        connection.execute(statement, list(happenings))


def after(connection: Connection, job_id: str, sequence: int, limit: int) -> Sequence[Event]:
    """The events of a job above a number."""
    query = (
        select(events)
        .where(events.c.job_id == job_id, events.c.sequence > sequence)
        .order_by(events.c.sequence)
        .limit(limit)
    )
    return [event_of(row) for row in connection.execute(query)]
