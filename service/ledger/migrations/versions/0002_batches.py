"""Batches and their items; attempts belong to an item or to the whole job.

Revision ID: 0002
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ATTEMPT = (
    "job_id, number, provider, model, started_at, ended_at, outcome, code, message, http_status, "
    "provider_request_id, possibly_billed, ticket"
)


def upgrade() -> None:
    _attempts()
    _batches()
    _items()


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _of_job(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=f"{table}_job_id_fkey", ondelete="CASCADE")


def _attempts() -> None:
    # SQLite cannot change a primary key, so the table is made anew; names of constraints are free only once it is gone.
    op.execute("CREATE TABLE attempts_kept AS SELECT * FROM attempts")
    op.drop_table("attempts")
    op.create_table(
        "attempts",
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("item", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("model", sa.Text),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("outcome", sa.String(64)),
        sa.Column("code", sa.Text),
        sa.Column("message", sa.Text),
        sa.Column("http_status", sa.Integer),
        sa.Column("provider_request_id", sa.Text),
        sa.Column("possibly_billed", sa.Boolean, nullable=False),
        sa.Column("ticket", sa.JSON),
        sa.CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name=op.f("attempts_outcome_once_ended")),
        _of_job("attempts"),
        sa.PrimaryKeyConstraint("job_id", "item", "number", name="attempts_pkey"),
    )
    op.execute(f"INSERT INTO attempts (item, {_ATTEMPT}) SELECT 0, {_ATTEMPT} FROM attempts_kept")  # noqa: S608 - ours
    op.drop_table("attempts_kept")


def _batches() -> None:
    op.create_table(
        "batches",
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("selection", sa.JSON, nullable=False),
        sa.Column("output_prefix", sa.Text, nullable=False),
        sa.Column("likeness", sa.String(64), nullable=False),
        sa.Column("concurrency", sa.Integer, nullable=False),
        sa.Column("streams", sa.Integer, nullable=False),
        sa.Column("max_cost_usd", sa.Float),
        sa.Column("item_cost_usd", sa.Float),
        sa.Column("item_seconds", sa.Float, nullable=False),
        sa.Column("dry_run", sa.Boolean, nullable=False),
        sa.Column("cursor", sa.Text),
        sa.Column("listed_at", sa.BigInteger),
        sa.Column("paused_at", sa.BigInteger),
        sa.Column("items", sa.Integer, nullable=False),
        sa.Column("settled", sa.Integer, nullable=False),
        sa.Column("pictures", sa.Integer, nullable=False),
        sa.Column("picture_bytes", sa.BigInteger, nullable=False),
        sa.Column("reserved_usd", sa.Float, nullable=False),
        sa.Column("told_at", sa.BigInteger),
        _of_job("batches"),
        sa.PrimaryKeyConstraint("job_id", name="batches_pkey"),
    )


def _items() -> None:
    op.create_table(
        "items",
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("stream", sa.Integer, nullable=False),
        sa.Column("source_bucket", sa.Text, nullable=False),
        sa.Column("source_key", sa.Text, nullable=False),
        sa.Column("target_key", sa.Text),
        sa.Column("byte_count", sa.BigInteger, nullable=False),
        sa.Column("etag", sa.Text),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("skip_reason", sa.String(32)),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("output", sa.JSON),
        sa.Column("error", sa.JSON),
        sa.Column("warnings", sa.JSON, nullable=False),
        sa.Column("cost_usd", sa.Float),
        sa.Column("reserved_usd", sa.Float, nullable=False),
        sa.CheckConstraint("(status = 'pending') = (finished_at IS NULL)", name=op.f("items_finished_at_says_status")),
        sa.CheckConstraint("(status = 'skipped') = (skip_reason IS NOT NULL)", name=op.f("items_reason_once_skipped")),
        _of_job("items"),
        sa.PrimaryKeyConstraint("job_id", "number", name="items_pkey"),
    )
    op.create_index("items_by_target", "items", ["job_id", "target_key"], unique=True)
    op.create_index("items_pending", "items", ["job_id", "stream", "due_at", "number"], **_where("finished_at IS NULL"))
    op.create_index("items_succeeded", "items", ["source_key"], **_where("status = 'succeeded'"))
