"""The tables. Named constraints repeat the rules of the domain; indices are those of the hot queries, no others.

Partial indices are stated over NULL and literal values only: SQLite's planner does not use one whose condition it
would have to prove from a bound parameter (https://www.sqlite.org/partialindex.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from service.domain.deliveries import DeliveryState
from service.domain.jobs import Contract, JobError, JobStatus, Output, Source
from service.domain.objects import ObjectRef
from service.domain.work import WorkKind
from service.ledger.types import Document, Moment, one_of

JSON_OBJECT = Mapping[str, Any]

WHOLE_JOB = 0
"""What stands for the item of an attempt that belongs to no item of a batch; items are numbered from 1."""

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "ix": "%(table_name)s_by_%(column_0_name)s",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s",
    }
)


def partial(name: str, column: Column[Any], *more: Column[Any], where: str) -> Index:
    """An index over the rows that a hot query looks for, small however many others there are."""
    return Index(name, column, *more, sqlite_where=text(where), postgresql_where=text(where))


def of_job(**options: Any) -> Column[str]:
    """The job that a row belongs to and goes with."""
    return Column("job_id", String(64), ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, **options)


jobs = Table(
    "jobs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(128), nullable=False),
    Column("contract", one_of(Contract), nullable=False),
    Column("operation", String(64), nullable=False),
    Column("prompt", Text, nullable=False),
    Column("source", Document(Source)),
    Column("target", Document(ObjectRef), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("status", one_of(JobStatus), nullable=False),
    Column("filename", Text),
    Column("parameters", Document(JSON_OBJECT), nullable=False),
    Column("provider", String(64)),
    Column("mask", Document(ObjectRef)),
    Column("retry_possibly_billed", Boolean, nullable=False),
    Column("callback_url", Text),
    Column("deadline_at", Moment),
    Column("metadata", Document(Mapping[str, str]), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("run", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("succeeded", Integer, nullable=False),
    Column("fallback", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("skipped", Integer, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("expires_at", Moment),
    Column("removed_at", Moment),
    Column("cancel_requested_at", Moment),
    Column("output", Document(Output)),
    Column("error", Document(JobError)),
    Column("warnings", Document(tuple[str, ...]), nullable=False),
    Column("usage", Document(JSON_OBJECT)),
    Column("cost_usd", Float),
    CheckConstraint("(status IN ('queued', 'running')) = (finished_at IS NULL)", name="finished_at_says_status"),
    CheckConstraint("(finished_at IS NULL) = (expires_at IS NULL)", name="expires_once_finished"),
    CheckConstraint("status <> 'running' OR started_at IS NOT NULL", name="running_was_started"),
    CheckConstraint("removed_at IS NULL OR finished_at IS NOT NULL", name="removed_once_finished"),
)
Index("jobs_by_tenant", jobs.c.tenant, jobs.c.id)
Index("jobs_by_status", jobs.c.tenant, jobs.c.status, jobs.c.id)
partial("jobs_unfinished", jobs.c.tenant, where="finished_at IS NULL")
partial("jobs_waiting", jobs.c.priority, jobs.c.id, where="status = 'queued'")
partial("jobs_kept", jobs.c.expires_at, where="removed_at IS NULL AND expires_at IS NOT NULL")
partial("jobs_removed", jobs.c.removed_at, where="removed_at IS NOT NULL")

attempts = Table(
    "attempts",
    metadata,
    of_job(primary_key=True),
    Column("item", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("provider", String(64), nullable=False),
    Column("model", Text),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("outcome", String(64)),
    Column("code", Text),
    Column("message", Text),
    Column("http_status", Integer),
    Column("provider_request_id", Text),
    Column("possibly_billed", Boolean, nullable=False),
    Column("ticket", Document(JSON_OBJECT)),
    CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="outcome_once_ended"),
)

events = Table(
    "events",
    metadata,
    of_job(primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("type", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    Column("data", Document(JSON_OBJECT), nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("tenant", String(128), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(128), nullable=False),
    Column("created_at", Moment, nullable=False),
    # Deferred: the key is claimed before the job is written, so that a replay writes nothing at all.
    Column(
        "job_id",
        String(64),
        ForeignKey("jobs.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        nullable=False,
        index=True,
    ),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(64), primary_key=True),
    of_job(index=True),
    Column("tenant", String(128), nullable=False),
    Column("url", Text, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("inserted", Document(ObjectRef)),
    Column("tail", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("state", one_of(DeliveryState), nullable=False),
    Column("failures", Integer, nullable=False),
    Column("next_attempt_at", Moment),
    Column("last_status", Integer),
    Column("last_error_code", String(64)),
    CheckConstraint("state = 'pending' OR next_attempt_at IS NULL", name="next_attempt_while_pending"),
)
partial("deliveries_pending", deliveries.c.created_at, where="state = 'pending'")

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column("delivery_id", String(64), ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("started_at", Moment, nullable=False),
    Column("duration_ms", Float, nullable=False),
    Column("status", Integer),
    Column("error_code", String(64)),
    Column("dns_ms", Float),
    Column("connect_ms", Float),
    Column("tls_ms", Float),
    Column("first_byte_ms", Float),
    Column("response_excerpt", Text),
)

work = Table(
    "work",
    metadata,
    Column("kind", one_of(WorkKind), primary_key=True),
    Column("ref", String(128), primary_key=True),
    Column("due_at", Moment, nullable=False),
    Column("priority", Integer, nullable=False),
    # Set when the work is deferred while it exists: perhaps it runs already, and then it must run once more.
    Column("again_at", Moment),
    Index("work_by_urgency", "kind", "priority", "due_at", "ref"),
)
