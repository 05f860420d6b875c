"""Statements about items that wait for another: secondary pictures for the main one of their group.

Both sides hold the job: no main picture ends unnoticed while those that are to wait for it are written down.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, select, text, update

from service.domain.batches import Batch, Found, Stage, stream_ref
from service.domain.work import Work, WorkKind
from service.ledger.batch_schema import items

_MAIN = text("items.stage = 'main'")  # literally, so that the partial index serves it
_AT_ONCE = 500  # values in one statement


def waiting(connection: Connection, batch: Batch, found: Sequence[Found]) -> Sequence[int | None]:
    """For each picture of a page that is about to be written down, the item that it is to wait for."""
    if batch.staging is None or not batch.staging.main_first:
        return [None] * len(found)
    groups = {one.group for one in found if one.stage is Stage.SECONDARY and one.group is not None}
    mains = _unfinished_mains(connection, batch.job_id, sorted(groups))
    waits: list[int | None] = []
    for number, one in enumerate(found, start=batch.items + 1):
        if one.group is None or one.stage is not Stage.SECONDARY:
            waits.append(None)
        else:
            waits.append(mains.get(one.group))
        if one.group is not None and one.stage is Stage.MAIN and one.skip is None:
            mains[one.group] = number
    return waits


def release(connection: Connection, job_id: str, ended: Collection[int], now: datetime) -> tuple[Work, ...]:
    """Let those go that waited for items which have ended; returns the work on them."""
    streams = connection.scalars(
        update(items)
        .where(items.c.job_id == job_id, items.c.waits_for.in_(ended))
        .values({"waits_for": None, "due_at": now})
        .returning(items.c.stream)
    ).all()
    return tuple(
        Work(kind=WorkKind.SHARD, ref=stream_ref(job_id, stream), due_at=now) for stream in sorted(set(streams))
    )


def _unfinished_mains(connection: Connection, job_id: str, groups: Sequence[str]) -> dict[str, int]:
    """The numbers of main pictures that have not ended, by their group."""
    query = select(items.c.group, items.c.number).where(items.c.job_id == job_id, items.c.finished_at.is_(None), _MAIN)
    mains: dict[str, int] = {}
    for start in range(0, len(groups), _AT_ONCE):
        portion = groups[start : start + _AT_ONCE]
        mains |= {row.group: row.number for row in connection.execute(query.where(items.c.group.in_(portion)))}
    return mains
