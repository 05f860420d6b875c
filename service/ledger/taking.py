"""Statements of a stream that takes its next items, as far as the batch's budget allows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, literal, select, tuple_, update

from service.domain.batches import Item, ItemStatus, SkipReason
from service.domain.jobs import Job
from service.domain.work import Work
from service.ledger.batch_rows import item_of
from service.ledger.batch_schema import batches, items
from service.ledger.batches import Change, count
from service.ledger.items import attempts_of, change
from service.ledger.rows import job_of
from service.ledger.schema import jobs
from service.ledger.types import at
from service.ledger.waiting import release
from service.ports.batches import Place, Taken

_SKIPPED_AT_ONCE = 1000
_LOCK_JOB = select(jobs).where(jobs.c.id == bindparam("of_job")).with_for_update(key_share=True)
_PENDING = (items.c.finished_at.is_(None), items.c.waits_for.is_(None))
_SLACK = 1e-9  # of a US dollar: sums of floats must not cost a picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a batch may still begin to pay for.

    Attributes:
        used_up: Nothing more can be begun, whatever comes of the items in work.
        places: How many further items may be begun now; None for any number.
        reservation_usd: What is set aside for each.
    """

    used_up: bool
    places: int | None
    reservation_usd: float


def budget(*, max_cost_usd: float | None, item_cost_usd: float | None, spent_usd: float, reserved_usd: float) -> Budget:
    """What the limit allows; a batch without prices is stopped by what it has cost alone."""
    if max_cost_usd is None:
        return Budget(used_up=False, places=None, reservation_usd=0.0)
    left = max_cost_usd - spent_usd + _SLACK
    if not item_cost_usd:
        free = item_cost_usd is not None
        return Budget(used_up=not free and left <= _SLACK, places=None, reservation_usd=0.0)
    places = max(0, math.floor((left - reserved_usd) / item_cost_usd))
    return Budget(used_up=left < item_cost_usd, places=places, reservation_usd=item_cost_usd)


def take(
    connection: Connection, job_id: str, stream: int, after: Place | None, limit: int, now: datetime
) -> tuple[Taken, tuple[Work, ...]]:
    """Take items; see `BatchLedger.take_items`."""
    job_row = connection.execute(_LOCK_JOB, {"of_job": job_id}).one_or_none()
    if job_row is None or job_row.finished_at is not None or job_row.cancel_requested_at is not None:
        return Taken(job=None), ()
    batch = connection.execute(select(batches).where(batches.c.job_id == job_id)).one()
    if batch.paused_at is not None:
        return Taken(job=None), ()
    job = job_of(job_row)
    allowed = budget(
        max_cost_usd=batch.max_cost_usd,
        item_cost_usd=batch.item_cost_usd,
        spent_usd=job.cost_usd or 0.0,
        reserved_usd=batch.reserved_usd,
    )
    portion = _SKIPPED_AT_ONCE if allowed.used_up else limit
    rows = _due(connection, job_id, stream, after, portion, now)
    if not rows:
        return Taken(job=job, next_due_at=_next_due_at(connection, job_id, stream)), ()
    if allowed.used_up:
        work = _skip(connection, job_id, [row.number for row in rows if not row.run], now)
        return _taken(connection, job, [row for row in rows if row.run], rows[-1], allowed, now), work
    within = _within(rows, allowed)
    if not within:
        return Taken(job=job, waits_for_budget=True), ()
    return _taken(connection, job, within, within[-1], allowed, now), ()


def _due(
    connection: Connection, job_id: str, stream: int, after: Place | None, limit: int, now: datetime
) -> Sequence[Row[Any]]:
    query = select(items).where(items.c.job_id == job_id, items.c.stream == stream, *_PENDING, items.c.due_at <= now)
    if after is not None:
        query = query.where(tuple_(items.c.due_at, items.c.number) > tuple_(at(after.due_at), literal(after.number)))
    return connection.execute(query.order_by(items.c.due_at, items.c.number).limit(limit)).all()


def _next_due_at(connection: Connection, job_id: str, stream: int) -> datetime | None:
    query = select(func.min(items.c.due_at)).where(items.c.job_id == job_id, items.c.stream == stream, *_PENDING)
    return connection.execute(query).scalar()


def _within(rows: Sequence[Row[Any]], allowed: Budget) -> Sequence[Row[Any]]:
    """The first rows that the budget has places for; what was begun before has one already."""
    if allowed.places is None:
        return rows
    begun = 0
    for position, row in enumerate(rows):
        begun += not row.run
        if begun > allowed.places:
            return rows[:position]
    return rows


def _taken(
    connection: Connection, job: Job, rows: Sequence[Row[Any]], last: Row[Any], allowed: Budget, now: datetime
) -> Taken:
    place = Place(last.due_at, last.number)
    if not rows:
        return Taken(job=job, place=place)
    fresh = [row for row in rows if not row.run]
    reservation = {"reserved_usd": allowed.reservation_usd} if fresh and allowed.reservation_usd else {}
    if reservation:
        change(connection, job.id, [row.number for row in fresh], reservation)
        reserved = batches.c.reserved_usd + len(fresh) * allowed.reservation_usd
        connection.execute(update(batches).where(batches.c.job_id == job.id).values(reserved_usd=reserved))
    begun = {"run": items.c.run + 1, "started_at": func.coalesce(items.c.started_at, at(now))}
    change(connection, job.id, [row.number for row in rows], begun)
    tried = attempts_of(connection, job.id, [row.number for row in rows if row.run])
    taken = (item_of(row, job.target.bucket, tried.get(row.number, ())) for row in rows)
    return Taken(job=job, items=tuple(_begun(item, now) for item in taken), place=place)


def _begun(item: Item, now: datetime) -> Item:
    """The item as it stands now, without being read again."""
    return replace(item, run=item.run + 1, started_at=item.started_at or now)


def _skip(connection: Connection, job_id: str, numbers: Sequence[int], now: datetime) -> tuple[Work, ...]:
    if not numbers:
        return ()
    over = {"status": ItemStatus.SKIPPED, "skip_reason": SkipReason.BUDGET, "finished_at": now}
    change(connection, job_id, numbers, over)
    skipped = Change(ended=Counter({ItemStatus.SKIPPED: len(numbers)}), settled=len(numbers))
    return (*count(connection, job_id, skipped, now), *release(connection, job_id, numbers, now))
