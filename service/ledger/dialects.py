"""What SQLite and Postgres both have, but SQLAlchemy offers for each apart."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Insert = sqlite.Insert | postgresql.Insert


class Upsert:
    """An insert with ``ON CONFLICT``, the same words in both databases.

    Args:
        table: Where rows are inserted.
        complete: Adds ``on_conflict_do_update`` to a plain insert.
    """

    def __init__(self, table: Table, complete: Callable[[Insert], Insert]) -> None:
        self._statements: dict[str, Insert] = {
            "sqlite": complete(sqlite.insert(table)),
            "postgresql": complete(postgresql.insert(table)),
        }

    def on(self, connection: Connection) -> Insert:
        """The statement as the connection's database takes it."""
        return self._statements[connection.dialect.name]
