"""Statements that answer questions about jobs, and the wish to cancel one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, text, update

from service.domain.jobs import Job
from service.ledger.rows import job_of, with_attempts
from service.ledger.schema import jobs
from service.ledger.types import at
from service.ports.ledger import JobQuery


def find(connection: Connection, tenant: str | None, job_id: str) -> Job | None:
    """One job with its attempts."""
    row = connection.execute(select(jobs).where(jobs.c.id == job_id, *_of(tenant))).one_or_none()
    return None if row is None else with_attempts(connection, job_of(row))


def page(connection: Connection, query: JobQuery) -> Sequence[Job]:
    """The jobs that a query asks for. Ids sort by creation, so newest first is the order of the index."""
    return [job_of(row) for row in connection.execute(_page(query))]


def _page(query: JobQuery) -> Select[tuple[object, ...]]:
    wanted: list[ColumnElement[bool]] = [jobs.c.tenant == query.tenant]
    if query.status is not None:
        wanted.append(jobs.c.status == query.status)
    if query.operation is not None:
        wanted.append(jobs.c.operation == query.operation)
    if query.created_after is not None:
        wanted.append(jobs.c.created_at > query.created_after)
    if query.created_before is not None:
        wanted.append(jobs.c.created_at < query.created_before)
    if query.cursor is not None:
        wanted.append(jobs.c.id < query.cursor)
    return select(jobs).where(*wanted).order_by(jobs.c.id.desc()).limit(query.limit)


def queue_position(connection: Connection, job_id: str) -> int | None:
    """How many queued jobs are more urgent, or as urgent and older."""
    queued = text("status = 'queued'")  # literally, so that the partial index serves it
    mine = connection.execute(select(jobs.c.priority).where(jobs.c.id == job_id, queued)).one_or_none()
    if mine is None:
        return None
    first = or_(jobs.c.priority > mine.priority, and_(jobs.c.priority == mine.priority, jobs.c.id < job_id))
    return connection.execute(select(func.count()).select_from(jobs).where(queued, first)).scalar_one()


def request_cancel(connection: Connection, tenant: str, job_id: str, now: datetime) -> Job | None:
    """Note the first wish to cancel an unfinished job."""
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, *_of(tenant), jobs.c.finished_at.is_(None))
        .values(cancel_requested_at=func.coalesce(jobs.c.cancel_requested_at, at(now)))
    )
    return find(connection, tenant, job_id)


def _of(tenant: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if tenant is None else (jobs.c.tenant == tenant,)
