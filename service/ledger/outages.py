"""The outages of providers, for all processes of a fleet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, delete, select, update

from service.domain.faults import SLOWING
from service.ledger.database import Database
from service.ledger.dialects import Upsert
from service.ledger.limit_schema import outages
from service.ports.limits import Outage

_FIELDS = tuple(field.name for field in fields(Outage))
_PUT = Upsert(
    outages,
    lambda insert: insert.on_conflict_do_update(
        index_elements=[outages.c.provider], set_={name: insert.excluded[name] for name in _FIELDS}
    ),
)
_PAUSE = Upsert(
    outages,
    lambda insert: insert.on_conflict_do_update(
        index_elements=[outages.c.provider],
        set_={name: insert.excluded[name] for name in _FIELDS},
        where=outages.c.fault.in_(SLOWING) & (outages.c.open_until < insert.excluded.open_until),
    ).returning(outages.c.provider),
)


class SqlOutages:
    """Implements `service.ports.limits.Outages`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, provider: str) -> Outage | None:
        """The outage, if there is one."""
        return await self._database.read(lambda connection: _get(connection, provider))

    async def put(self, provider: str, outage: Outage) -> None:
        """Begin an outage."""
        row = {"provider": provider, **_row(outage)}
        await self._database.write(lambda connection: connection.execute(_PUT.on(connection), row))

    async def pause(self, provider: str, pause: Outage) -> bool:
        """Begin a pause, unless there is something stronger; of several that try at once the longest stays."""
        row = {"provider": provider, **_row(pause)}
        return await self._database.write(
            lambda connection: connection.execute(_PAUSE.on(connection), row).first() is not None
        )

    async def replace(self, provider: str, known: Outage, new: Outage | None) -> bool:
        """Change an outage, or end it; of several that try at once one succeeds."""
        return await self._database.write(lambda connection: _replace(connection, provider, known, new))


def _get(connection: Connection, provider: str) -> Outage | None:
    row = connection.execute(select(outages).where(outages.c.provider == provider)).mappings().first()
    return None if row is None else Outage(**{name: row[name] for name in _FIELDS})


def _replace(connection: Connection, provider: str, known: Outage, new: Outage | None) -> bool:
    same = (
        outages.c.provider == provider,
        outages.c.open_until == known.open_until,
        outages.c.probe_until.is_not_distinct_from(known.probe_until),
    )
    changed = delete(outages).where(*same) if new is None else update(outages).where(*same).values(_row(new))
    return connection.execute(changed).rowcount == 1


def _row(outage: Outage) -> Mapping[str, Any]:
    return {name: getattr(outage, name) for name in _FIELDS}
