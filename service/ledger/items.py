"""Statements about the items of a batch: their ends, their postponement, reading them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from service.domain.batches import Item, ItemEnding, ItemStatus, SkipReason, Stage
from service.domain.jobs import Attempt, Job
from service.domain.work import Work
from service.ledger.batch_rows import item_ending_values, item_of
from service.ledger.batch_schema import items
from service.ledger.batches import Change, count
from service.ledger.rows import attempt_of
from service.ledger.running import end_attempt, held
from service.ledger.schema import attempts, jobs
from service.ledger.waiting import release
from service.ports.batches import ItemQuery
from service.ports.ledger import LeaseLostError

_IT = (items.c.job_id == bindparam("of_job"), items.c.number == bindparam("of_item"))
_LOCK_JOB = select(jobs.c.id).where(jobs.c.id == bindparam("of_job")).with_for_update(key_share=True)
_LOCK = (
    select(items.c.number, items.c.run, items.c.finished_at, items.c.stage, items.c.reserved_usd)
    .where(*_IT)
    .with_for_update(key_share=True)
)
_CHANGE = update(items).where(*_IT)


def finish(connection: Connection, job: Job, ending: ItemEnding) -> tuple[bool, tuple[Work, ...]]:
    """Record the end of the item that the job is narrowed to; see `BatchLedger.finish_item`."""
    it = {"of_job": job.id, "of_item": job.item}
    connection.execute(_LOCK_JOB, it)  # the job's counts are written last, but whoever takes items locks it first
    if ending.attempt is not None:
        end_attempt(connection, job, ending.attempt)
    row = connection.execute(_LOCK, it).one_or_none()
    if row is not None and row.finished_at is not None:
        return False, ()
    if row is None or row.run != job.run:
        raise LeaseLostError(f"item {job.item} of {job.id} is no longer held by run {job.run}")
    connection.execute(_CHANGE, it | item_ending_values(ending))
    ended = Change(
        ended=Counter({ending.status: 1}),
        settled=1,
        total=-int(ending.skip_reason is SkipReason.NOT_A_PICTURE),
        reserved_usd=-row.reserved_usd,
        cost_usd=ending.cost_usd,
        usage=ending.usage,
    )
    work = count(connection, job.id, ended, ending.finished_at)
    if row.stage is Stage.MAIN:
        work += release(connection, job.id, [row.number], ending.finished_at)
    return True, work


def postpone(connection: Connection, job: Job, due_at: datetime) -> None:
    """Leave the item that the job is narrowed to for a later moment."""
    if held(connection, job).finished_at is None:
        connection.execute(_CHANGE, {"of_job": job.id, "of_item": job.item, "due_at": due_at})


def cancel(connection: Connection, job: Job, limit: int, now: datetime) -> int:
    """End a portion of the pending items."""
    held(connection, job)
    of_job = select(items.c.number).where(items.c.job_id == job.id)
    pending = of_job.where(items.c.finished_at.is_(None), items.c.waits_for.is_(None)).limit(limit)
    waiting = of_job.where(items.c.waits_for.is_not(None)).limit(limit)
    numbers = connection.scalars(pending).all() or connection.scalars(waiting).all()
    if numbers:
        change(connection, job.id, numbers, {"status": ItemStatus.CANCELED, "finished_at": now, "waits_for": None})
        ended = Change(ended=Counter({ItemStatus.CANCELED: len(numbers)}), settled=len(numbers))
        count(connection, job.id, ended, now)  # whoever cancels goes on to the end of the batch
    return len(numbers)


def change(connection: Connection, job_id: str, numbers: Sequence[int], values: dict[str, Any]) -> None:
    """Change several items at once."""
    connection.execute(update(items).where(items.c.job_id == job_id, items.c.number.in_(numbers)).values(values))


def page(connection: Connection, query: ItemQuery) -> Sequence[Item]:
    """The items that a query asks for, with their attempts."""
    target = connection.scalar(select(jobs.c.target).where(jobs.c.id == query.job_id))
    wanted = select(items).where(items.c.job_id == query.job_id, items.c.number > query.after)
    if query.status is not None:
        wanted = wanted.where(items.c.status == query.status)
    if query.group is not None:
        wanted = wanted.where(items.c.group == query.group)
    rows = connection.execute(wanted.order_by(items.c.number).limit(query.limit)).all()
    if not rows or target is None:
        return ()
    tried = attempts_of(connection, query.job_id, [row.number for row in rows if row.run])
    return [item_of(row, target.bucket, tried.get(row.number, ())) for row in rows]


def attempts_of(connection: Connection, job_id: str, numbers: Sequence[int]) -> dict[int, tuple[Attempt, ...]]:
    """The attempts of some items, by the number of the item."""
    made: dict[int, tuple[Attempt, ...]] = {}
    if numbers:
        query = (
            select(attempts)
            .where(attempts.c.job_id == job_id, attempts.c.item.in_(numbers))
            .order_by(attempts.c.item, attempts.c.number)
        )
        for row in connection.execute(query):
            made[row.item] = (*made.get(row.item, ()), attempt_of(row))
    return made
