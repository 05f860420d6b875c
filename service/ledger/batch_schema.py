"""The tables of batches and their items."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Float, Index, Integer, String, Table, Text

from service.domain.batches import ItemStatus, Selection, SkipReason, Stage, Staging
from service.domain.jobs import JobError, Output
from service.ledger.schema import metadata, of_job, partial
from service.ledger.types import Document, Moment, one_of

batches = Table(
    "batches",
    metadata,
    of_job(primary_key=True),
    Column("selection", Document(Selection), nullable=False),
    Column("output_prefix", Text, nullable=False),
    Column("likeness", String(64), nullable=False),
    Column("concurrency", Integer, nullable=False),
    Column("streams", Integer, nullable=False),
    Column("max_cost_usd", Float),
    Column("item_cost_usd", Float),
    Column("item_seconds", Float, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("staging", Document(Staging)),
    Column("cursor", Text),
    Column("listed_at", Moment),
    Column("paused_at", Moment),
    Column("items", Integer, nullable=False),
    Column("settled", Integer, nullable=False),
    Column("pictures", Integer, nullable=False),
    Column("picture_bytes", BigInteger, nullable=False),
    # What the items in work may still cost: counted before they are paid, so that streams do not overspend together.
    Column("reserved_usd", Float, nullable=False),
    Column("told_at", Moment),  # when an event last told of the progress
)

items = Table(
    "items",
    metadata,
    of_job(primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("stream", Integer, nullable=False),
    Column("source_bucket", Text),
    Column("source_key", Text),
    Column("source_url", Text),
    Column("group", Text),
    Column("name", Text),
    Column("stage", one_of(Stage)),
    Column("waits_for", Integer),
    Column("target_key", Text),
    Column("byte_count", BigInteger, nullable=False),
    Column("etag", Text),
    Column("status", one_of(ItemStatus), nullable=False),
    Column("skip_reason", one_of(SkipReason)),
    Column("due_at", Moment, nullable=False),
    Column("run", Integer, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("output", Document(Output)),
    Column("error", Document(JobError)),
    Column("warnings", Document(tuple[str, ...]), nullable=False),
    Column("cost_usd", Float),
    Column("reserved_usd", Float, nullable=False),
    CheckConstraint("(status = 'pending') = (finished_at IS NULL)", name="finished_at_says_status"),
    CheckConstraint("(status = 'skipped') = (skip_reason IS NOT NULL)", name="reason_once_skipped"),
    CheckConstraint("(source_key IS NULL) = (source_url IS NOT NULL)", name="one_source"),
    CheckConstraint("(source_key IS NULL) = (source_bucket IS NULL)", name="bucket_with_key"),
    CheckConstraint("waits_for IS NULL OR finished_at IS NULL", name="waits_while_pending"),
)
Index("items_by_target", items.c.job_id, items.c.target_key, unique=True)
partial(
    "items_pending",
    items.c.job_id,
    items.c.stream,
    items.c.due_at,
    items.c.number,
    where="finished_at IS NULL AND waits_for IS NULL",
)
partial("items_waiting", items.c.job_id, items.c.waits_for, where="waits_for IS NOT NULL")
partial("items_by_group", items.c.job_id, items.c.group, items.c.number, where='"group" IS NOT NULL')
partial("items_mains", items.c.job_id, items.c.group, where="finished_at IS NULL AND stage = 'main'")
partial("items_succeeded", items.c.source_key, where="status = 'succeeded'")
