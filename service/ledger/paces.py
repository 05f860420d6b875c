"""Drawing turns of a rate for one process of a fleet, on Postgres."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from service.domain.limits import fair_shares
from service.domain.pace import Pace
from service.ledger.limit_schema import paces
from service.ports.limits import Draw, Turns

_keep = insert(paces)
_KEEP = _keep.on_conflict_do_update(index_elements=[paces.c.name], set_={"next_at": _keep.excluded.next_at})


def drawn(connection: Connection, holder: str, draw: Draw, *, now: datetime, others: Mapping[str, int]) -> Turns:
    """The next turns, in the order in which processes ask; nobody else draws meanwhile.

    Args:
        others: How many turns other processes want. With many of them one is left to each, whatever the rate.
    """
    pace = Pace(draw.per_minute)
    fair = fair_shares(pace.portion, {**others, holder: draw.wanted}, turn=0)[holder]
    portion = max(1, fair)
    count = max(0, min(draw.wanted, portion) - draw.unused)
    next_at = connection.execute(select(paces.c.next_at).where(paces.c.name == draw.name)).scalar()
    since_now = float("-inf") if next_at is None else (next_at - now).total_seconds()
    first_in_seconds = pace.first(since_now, now=0.0)
    if count:
        after = now + timedelta(seconds=pace.times(first_in_seconds, count)[-1])
        connection.execute(_KEEP, {"name": draw.name, "next_at": after})
    return Turns(first_in_seconds=first_in_seconds, count=count, portion=portion)
