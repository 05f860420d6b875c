"""The tables of the first version.

Revision ID: 0001
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _jobs()
    _attempts()
    _events()
    _idempotency_keys()
    _deliveries()
    _delivery_attempts()
    _work()


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("contract", sa.String(32), nullable=False),
        sa.Column("operation", sa.String(64), nullable=False),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("source", sa.JSON),
        sa.Column("target", sa.JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("filename", sa.Text),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("provider", sa.String(64)),
        sa.Column("mask", sa.JSON),
        sa.Column("retry_possibly_billed", sa.Boolean, nullable=False),
        sa.Column("callback_url", sa.Text),
        sa.Column("deadline_at", sa.BigInteger),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("succeeded", sa.Integer, nullable=False),
        sa.Column("fallback", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("skipped", sa.Integer, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("removed_at", sa.BigInteger),
        sa.Column("cancel_requested_at", sa.BigInteger),
        sa.Column("output", sa.JSON),
        sa.Column("error", sa.JSON),
        sa.Column("warnings", sa.JSON, nullable=False),
        sa.Column("usage", sa.JSON),
        sa.Column("cost_usd", sa.Float),
        sa.CheckConstraint(
            "(status IN ('queued', 'running')) = (finished_at IS NULL)", name=op.f("jobs_finished_at_says_status")
        ),
        sa.CheckConstraint("status <> 'running' OR started_at IS NOT NULL", name=op.f("jobs_running_was_started")),
        sa.CheckConstraint("(finished_at IS NULL) = (expires_at IS NULL)", name=op.f("jobs_expires_once_finished")),
        sa.CheckConstraint("removed_at IS NULL OR finished_at IS NOT NULL", name=op.f("jobs_removed_once_finished")),
        sa.PrimaryKeyConstraint("id", name="jobs_pkey"),
    )
    op.create_index("jobs_by_status", "jobs", ["tenant", "status", "id"])
    op.create_index("jobs_by_tenant", "jobs", ["tenant", "id"])
    op.create_index("jobs_kept", "jobs", ["expires_at"], **_where("removed_at IS NULL AND expires_at IS NOT NULL"))
    op.create_index("jobs_removed", "jobs", ["removed_at"], **_where("removed_at IS NOT NULL"))
    op.create_index("jobs_unfinished", "jobs", ["tenant"], **_where("finished_at IS NULL"))
    op.create_index("jobs_waiting", "jobs", ["priority", "id"], **_where("status = 'queued'"))


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("job_id", sa.String(64), nullable=False),
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
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="attempts_job_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "number", name="attempts_pkey"),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("sequence", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="events_job_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "sequence", name="events_pkey"),
    )


def _idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("fingerprint", sa.String(128), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["jobs.id"],
            name="idempotency_keys_job_id_fkey",
            ondelete="CASCADE",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("tenant", "key", name="idempotency_keys_pkey"),
    )
    op.create_index("idempotency_keys_by_job_id", "idempotency_keys", ["job_id"])


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("head", sa.LargeBinary, nullable=False),
        sa.Column("inserted", sa.JSON),
        sa.Column("tail", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger),
        sa.Column("last_status", sa.Integer),
        sa.Column("last_error_code", sa.String(64)),
        sa.CheckConstraint(
            "state = 'pending' OR next_attempt_at IS NULL", name=op.f("deliveries_next_attempt_while_pending")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="deliveries_job_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="deliveries_pkey"),
    )
    op.create_index("deliveries_by_job_id", "deliveries", ["job_id"])
    op.create_index("deliveries_by_state", "deliveries", ["state"])
    op.create_index("deliveries_pending", "deliveries", ["created_at"], **_where("state = 'pending'"))


def _delivery_attempts() -> None:
    op.create_table(
        "delivery_attempts",
        sa.Column("delivery_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("duration_ms", sa.Float, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("error_code", sa.String(64)),
        sa.Column("dns_ms", sa.Float),
        sa.Column("connect_ms", sa.Float),
        sa.Column("tls_ms", sa.Float),
        sa.Column("first_byte_ms", sa.Float),
        sa.Column("response_excerpt", sa.Text),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name="delivery_attempts_delivery_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("delivery_id", "number", name="delivery_attempts_pkey"),
    )


def _work() -> None:
    op.create_table(
        "work",
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("ref", sa.String(128), nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("again_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("kind", "ref", name="work_pkey"),
    )
    op.create_index("work_by_urgency", "work", ["kind", "priority", "due_at", "ref"])
