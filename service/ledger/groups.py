"""Statements that read how far the groups of a batch are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from service.domain.batches import Group, ItemStatus, Stage
from service.ledger.batch_schema import items
from service.ports.batches import GroupQuery


def page(connection: Connection, query: GroupQuery) -> Sequence[Group]:
    """The groups that a query asks for, counted now."""
    names = _names(connection, query)
    if not names:
        return ()
    counted = (
        select(items.c.group, items.c.stage, items.c.status, func.count().label("pictures"))
        .where(items.c.job_id == query.job_id, items.c.group.between(names[0], names[-1]))
        .group_by(items.c.group, items.c.stage, items.c.status)
    )
    counts: dict[str, Counter[ItemStatus]] = {name: Counter() for name in names}
    mains: dict[str, ItemStatus] = {}
    for row in connection.execute(counted):
        counts[row.group][row.status] += row.pictures
        if row.stage is Stage.MAIN:
            mains[row.group] = row.status
    return [Group(name=name, main=mains.get(name), counts=counts[name]) for name in names]


def _names(connection: Connection, query: GroupQuery) -> Sequence[str]:
    of_job = select(items.c.group).where(items.c.job_id == query.job_id, items.c.group.is_not(None))
    if query.after is not None:
        of_job = of_job.where(items.c.group > query.after)
    return connection.scalars(of_job.distinct().order_by(items.c.group).limit(query.limit)).all()
