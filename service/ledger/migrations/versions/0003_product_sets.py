"""Items that are downloaded from a URL, belong to a group, and may wait for another.

Revision ID: 0003
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_KEPT = (
    "job_id, number, stream, source_bucket, source_key, target_key, byte_count, etag, status, skip_reason, due_at, "
    "run, started_at, finished_at, output, error, warnings, cost_usd, reserved_usd"
)


def upgrade() -> None:
    op.add_column("batches", sa.Column("staging", sa.JSON))
    # SQLite cannot take NOT NULL from a column, so the table is made anew; names are free only once it is gone.
    op.execute("CREATE TABLE items_kept AS SELECT * FROM items")
    op.drop_table("items")
    _items()
    op.execute(f"INSERT INTO items ({_KEPT}) SELECT {_KEPT} FROM items_kept")  # noqa: S608 - ours
    op.drop_table("items_kept")
    _indices()


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _items() -> None:
    op.create_table(
        "items",
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("stream", sa.Integer, nullable=False),
        sa.Column("source_bucket", sa.Text),
        sa.Column("source_key", sa.Text),
        sa.Column("source_url", sa.Text),
        sa.Column("group", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("stage", sa.String(32)),
        sa.Column("waits_for", sa.Integer),
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
        sa.CheckConstraint("(source_key IS NULL) = (source_url IS NOT NULL)", name=op.f("items_one_source")),
        sa.CheckConstraint("(source_key IS NULL) = (source_bucket IS NULL)", name=op.f("items_bucket_with_key")),
        sa.CheckConstraint("waits_for IS NULL OR finished_at IS NULL", name=op.f("items_waits_while_pending")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="items_job_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "number", name="items_pkey"),
    )


def _indices() -> None:
    op.create_index("items_by_target", "items", ["job_id", "target_key"], unique=True)
    op.create_index("items_succeeded", "items", ["source_key"], **_where("status = 'succeeded'"))
    op.create_index(
        "items_pending",
        "items",
        ["job_id", "stream", "due_at", "number"],
        **_where("finished_at IS NULL AND waits_for IS NULL"),
    )
    op.create_index("items_waiting", "items", ["job_id", "waits_for"], **_where("waits_for IS NOT NULL"))
    op.create_index("items_by_group", "items", ["job_id", "group", "number"], **_where('"group" IS NOT NULL'))
    op.create_index("items_mains", "items", ["job_id", "group"], **_where("finished_at IS NULL AND stage = 'main'"))
