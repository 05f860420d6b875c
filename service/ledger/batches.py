"""Statements about batches as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from service.domain.batches import Batch, ItemStatus
from service.domain.usage import summed
from service.domain.work import Work, WorkKind
from service.ledger.batch_rows import batch_of, batch_values
from service.ledger.batch_schema import batches
from service.ledger.events import append, happened
from service.ledger.schema import jobs
from service.ledger.types import at

PROGRESS_EVERY = timedelta(seconds=1)
"""How far apart the events are that tell of a batch's progress."""

_DECIMALS = 9  # of US dollars: what adding floats leaves behind is not shown to anybody
_COUNTED = (ItemStatus.SUCCEEDED, ItemStatus.FALLBACK, ItemStatus.FAILED, ItemStatus.SKIPPED)
_COUNT_JOB = (
    update(jobs)
    .where(jobs.c.id == bindparam("of_job"))
    .values(
        {status.value: jobs.c[status.value] + bindparam(f"more_{status.value}") for status in _COUNTED}
        | {"total": jobs.c.total + bindparam("more_total")}
    )
    .returning(jobs.c.total, *(jobs.c[status.value] for status in _COUNTED), jobs.c.usage, jobs.c.cost_usd)
)
_SUM_JOB = update(jobs).where(jobs.c.id == bindparam("of_job"))
_COUNT_BATCH = (
    update(batches)
    .where(batches.c.job_id == bindparam("of_job"))
    .values(
        settled=batches.c.settled + bindparam("more_settled"),
        reserved_usd=batches.c.reserved_usd + bindparam("more_reserved"),
    )
    .returning(batches.c.settled == batches.c["items"], batches.c.listed_at, batches.c.told_at)
)
_TOLD = update(batches).where(batches.c.job_id == bindparam("of_job"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happened to some items of a batch. `total` and `reserved_usd` are changes, up or down.

    Attributes:
        ended: How many objects came to an end, by status.
        settled: How many items became final with that; a dry run counts objects that are no items.
    """

    ended: Counter[ItemStatus] = field(default_factory=Counter)
    settled: int = 0
    total: int = 0
    reserved_usd: float = 0.0
    cost_usd: float | None = None
    usage: Mapping[str, Any] | None = None


def record(connection: Connection, batch: Batch) -> None:
    """Write a batch down; its job is written already."""
    connection.execute(insert(batches), batch_values(batch) | {"reserved_usd": 0.0})


def find(connection: Connection, tenant: str | None, job_id: str) -> Batch | None:
    """One batch."""
    query = select(batches).where(batches.c.job_id == job_id)
    if tenant is not None:
        query = query.join(jobs, jobs.c.id == batches.c.job_id).where(jobs.c.tenant == tenant)
    row = connection.execute(query).one_or_none()
    return None if row is None else batch_of(row)


def count(connection: Connection, job_id: str, change: Change, now: datetime) -> tuple[Work, ...]:
    """Count a change in the batch and in its job; returns the work on its end if that was the last item.

    The job's row is written first and always, so that changes of one batch follow each other.
    """
    more = {f"more_{status.value}": change.ended[status] for status in _COUNTED}
    job = connection.execute(_COUNT_JOB, {"of_job": job_id, "more_total": change.total} | more).one()
    sums: dict[str, Any] = {}
    if change.cost_usd is not None:
        sums["cost_usd"] = round((job.cost_usd or 0.0) + change.cost_usd, _DECIMALS)
    if change.usage is not None:
        sums["usage"] = summed(job.usage, change.usage)
    if sums:
        connection.execute(_SUM_JOB, {"of_job": job_id} | sums)
    counted = {"of_job": job_id, "more_settled": change.settled, "more_reserved": change.reserved_usd}
    all_settled, listed_at, told_at = connection.execute(_COUNT_BATCH, counted).one()
    if told_at is None or now - told_at >= PROGRESS_EVERY:
        connection.execute(_TOLD, {"of_job": job_id, "told_at": now})
        data = {"total": job.total} | {status.value: getattr(job, status.value) for status in _COUNTED}
        append(connection, happened(job_id, "job.progress", now, data))
    done = change.settled and listed_at is not None and all_settled
    return (job_work(job_id, now),) if done else ()


def pause(connection: Connection, tenant: str, job_id: str, now: datetime) -> Batch | None:
    """Note that nothing more is to be begun."""
    _change_unfinished(connection, tenant, job_id, paused_at=func.coalesce(batches.c.paused_at, at(now)))
    return find(connection, tenant, job_id)


def resume(connection: Connection, tenant: str, job_id: str, now: datetime) -> tuple[Batch | None, tuple[Work, ...]]:
    """Take the note back; returns the work to go on with, too."""
    changed = _change_unfinished(connection, tenant, job_id, paused_at=None)
    batch = find(connection, tenant, job_id)
    if batch is None or not changed:
        return batch, ()
    return batch, (job_work(job_id, now), *stream_work(batch, now))


def job_work(job_id: str, now: datetime) -> Work:
    """The work on a batch as a whole: its listing, its end."""
    return Work(kind=WorkKind.JOB, ref=job_id, due_at=now)


def stream_work(batch: Batch, now: datetime) -> tuple[Work, ...]:
    """The work on a batch's items."""
    return tuple(Work(kind=WorkKind.SHARD, ref=ref, due_at=now) for ref in batch.stream_refs())


def _change_unfinished(connection: Connection, tenant: str, job_id: str, **values: Any) -> bool:
    """Change a batch while nobody ends it or takes its items."""
    unfinished = select(jobs.c.id).where(jobs.c.id == job_id, jobs.c.tenant == tenant, jobs.c.finished_at.is_(None))
    if connection.execute(unfinished.with_for_update(key_share=True)).one_or_none() is None:
        return False
    return connection.execute(update(batches).where(batches.c.job_id == job_id).values(values)).rowcount > 0
