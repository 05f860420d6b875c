"""The table of work: statements, and the store that the embedded engine works from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Integer, and_, bindparam, case, delete, func, select, update

from service.domain.work import Work, WorkKind
from service.ledger.database import Database
from service.ledger.dialects import Insert, Upsert
from service.ledger.schema import work as table
from service.ledger.types import Moment


def _earlier(one: ColumnElement[datetime], other: ColumnElement[datetime]) -> ColumnElement[datetime]:
    return case((one < other, one), else_=other)


def _or_sooner(new: Insert) -> Insert:
    """Make work that is there due at the earlier moment, and once more after a run that may be under way."""
    there, wanted = table.c, new.excluded
    return new.on_conflict_do_update(
        index_elements=[there.kind, there.ref],
        set_={
            "due_at": _earlier(there.due_at, wanted.due_at),
            "again_at": _earlier(func.coalesce(there.again_at, wanted.due_at), wanted.due_at),
            "priority": case((there.priority > wanted.priority, there.priority), else_=wanted.priority),
        },
    )


_IT = and_(table.c.kind == bindparam("its_kind"), table.c.ref == bindparam("its_ref"))
_DEFER = Upsert(table, _or_sooner)
_REMOVE = delete(table).where(_IT, table.c.again_at.is_(None))
_KEEP = update(table).where(_IT).values(again_at=None).returning(table.c.due_at)
_AGAIN = _KEEP.values(due_at=table.c.again_at)
_UNTIL = bindparam("until", type_=Moment())
_POSTPONE = _KEEP.values(due_at=_earlier(func.coalesce(table.c.again_at, _UNTIL), _UNTIL))

_PRIORITY = bindparam("of_priority", type_=Integer())
_OF_KIND = table.c.kind == bindparam("of_kind")
_HIGHEST = select(func.max(table.c.priority)).where(_OF_KIND)
_HIGHEST_BELOW = _HIGHEST.where(table.c.priority < _PRIORITY)
_DUE = (
    select(table.c.kind, table.c.ref, table.c.due_at, table.c.priority)
    .where(_OF_KIND, table.c.priority == _PRIORITY, table.c.due_at <= bindparam("now"))
    .order_by(table.c.due_at, table.c.ref)
    .limit(bindparam("most"))
)
_NEXT = select(func.min(table.c.due_at)).where(
    _OF_KIND, table.c.priority == _PRIORITY, table.c.due_at > bindparam("after")
)


class SqlWorkStore:
    """`WorkStore` in the ledger's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def defer(self, connection: Connection, work: Sequence[Work]) -> None:
        """Add work, or make what is there due at the earlier moment and once more after a run that is under way."""
        rows = [{name: getattr(piece, name) for name in ("kind", "ref", "due_at", "priority")} for piece in work]
        connection.execute(_DEFER.on(connection), rows)

    async def due(self, kind: WorkKind, now: datetime, limit: int) -> Sequence[Work]:
        """Work that is due, by priority and then by how long it has been due."""
        return await self._database.read(lambda connection: _due(connection, kind, now, limit))

    async def next_due_at(self, kind: WorkKind, after: datetime) -> datetime | None:
        """The moment at which the next work not yet due becomes due."""
        return await self._database.read(lambda connection: _next_due_at(connection, kind, after))

    async def done(self, work: Work) -> datetime | None:
        """Remove finished work; work deferred anew meanwhile stays, and this is when it is due."""

        def body(connection: Connection) -> datetime | None:
            if connection.execute(_REMOVE, _its(work)).rowcount:
                return None
            return connection.execute(_AGAIN, _its(work)).scalar_one_or_none()

        # Where it does not last the work is done once more, as it is after any crash between its end and this.
        return await self._database.write(body, lasting=False)

    async def postpone(self, work: Work, due_at: datetime) -> datetime:
        """Keep work for a later moment, or an earlier one for which it was deferred anew meanwhile."""

        def body(connection: Connection) -> datetime:
            kept = connection.execute(_POSTPONE, _its(work) | {"until": due_at}).scalar_one_or_none()
            return kept or due_at

        return await self._database.write(body)

    async def depth(self) -> Mapping[WorkKind, int]:
        """How much work there is, running and waiting."""
        query = select(table.c.kind, func.count().label("n")).group_by(table.c.kind)
        return await self._database.read(lambda connection: {row.kind: row.n for row in connection.execute(query)})


def _its(work: Work) -> dict[str, object]:
    return {"its_kind": work.kind, "its_ref": work.ref}


def _due(connection: Connection, kind: WorkKind, now: datetime, limit: int) -> Sequence[Work]:
    found: list[Work] = []
    for priority in _priorities(connection, kind):
        wanted = {"of_kind": kind, "of_priority": priority, "now": now, "most": limit - len(found)}
        found += [
            Work(kind=row.kind, ref=row.ref, due_at=row.due_at, priority=row.priority)
            for row in connection.execute(_DUE, wanted)
        ]
        if len(found) == limit:
            break
    return found


def _next_due_at(connection: Connection, kind: WorkKind, after: datetime) -> datetime | None:
    moments = [
        connection.scalar(_NEXT, {"of_kind": kind, "of_priority": priority, "after": after})
        for priority in _priorities(connection, kind)
    ]
    return min((moment for moment in moments if moment is not None), default=None)


def _priorities(connection: Connection, kind: WorkKind) -> Iterator[int]:
    """The priorities in use, highest first, each found by one step in the index.

    Taken one by one, due work lies together in the index: neither much that is due nor much that is not yet due has
    to be read or sorted, as one statement over all priorities would have to.
    """
    priority = connection.scalar(_HIGHEST, {"of_kind": kind})
    while priority is not None:
        yield priority
        priority = connection.scalar(_HIGHEST_BELOW, {"of_kind": kind, "of_priority": priority})
