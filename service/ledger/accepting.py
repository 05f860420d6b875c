"""Statements of accepting: a job, its first event and its idempotency key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Executable, bindparam, func, insert, select

from service.domain.jobs import Job
from service.ledger.dialects import Insert, Upsert
from service.ledger.events import append, happened
from service.ledger.rows import job_values
from service.ledger.schema import idempotency_keys as keys
from service.ledger.schema import jobs
from service.ledger.types import Moment
from service.ports.ledger import Accepted, IdempotencyKey

KEY_LIFETIME = timedelta(hours=24)


def _unless_alive(claim: Insert) -> Executable:
    """Replace a key only when its time is over; a row comes back when it was taken."""
    taken = {name: claim.excluded[name] for name in ("fingerprint", "created_at", "job_id")}
    over = keys.c.created_at <= bindparam("alive_after", type_=Moment())
    upsert = claim.on_conflict_do_update(index_elements=[keys.c.tenant, keys.c.key], set_=taken, where=over)
    return upsert.returning(keys.c.job_id)


_INSERT_JOB = insert(jobs)
_CLAIM_KEY = Upsert(keys, _unless_alive)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A job to be written down, unless its key stands for one already."""

    job: Job
    idempotency: IdempotencyKey | None


def record(connection: Connection, acceptances: Sequence[Acceptance]) -> list[Accepted]:
    """Write jobs down; what became of each."""
    accepted = [_claim(connection, acceptance) for acceptance in acceptances]
    new = [acceptance.job for acceptance, one in zip(acceptances, accepted, strict=True) if not one.replayed]
    if new:
        connection.execute(_INSERT_JOB, [job_values(job) for job in new])
        append(connection, *(happened(job.id, "job.queued", job.created_at) for job in new))
    return accepted


def _claim(connection: Connection, acceptance: Acceptance) -> Accepted:
    """Take a key for a job in one statement, so that of two requests at once only one can; the other gets its job.

    On Postgres the other one waits for what becomes of the first: it never sees a key without its job.
    """
    job, idempotency = acceptance.job, acceptance.idempotency
    if idempotency is None:
        return Accepted(job.id, replayed=False)
    values = {
        "tenant": job.tenant,
        "key": idempotency.key,
        "fingerprint": idempotency.fingerprint,
        "created_at": job.created_at,
        "job_id": job.id,
        "alive_after": job.created_at - KEY_LIFETIME,
    }
    claimed = connection.execute(_CLAIM_KEY.on(connection), values).one_or_none()
    earlier = None if claimed else find(connection, job.tenant, idempotency.key, now=job.created_at)
    return earlier or Accepted(job.id, replayed=False, fingerprint=idempotency.fingerprint)


def find(connection: Connection, tenant: str, key: str, *, now: datetime) -> Accepted | None:
    """The job that a key stands for, while it does."""
    row = connection.execute(
        select(keys.c.job_id, keys.c.fingerprint).where(
            keys.c.tenant == tenant, keys.c.key == key, keys.c.created_at > now - KEY_LIFETIME
        )
    ).one_or_none()
    return None if row is None else Accepted(row.job_id, replayed=True, fingerprint=row.fingerprint)


def unfinished(connection: Connection, tenant: str) -> int:
    """How many jobs of a tenant have no end yet."""
    query = select(func.count()).select_from(jobs).where(jobs.c.tenant == tenant, jobs.c.finished_at.is_(None))
    return connection.execute(query).scalar_one()
