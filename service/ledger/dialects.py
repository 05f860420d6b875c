"""What SQLite and Postgres both have, but SQLAlchemy offers for each apart."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite

Insert = sqlite.Insert | postgresql.Insert


class Upsert:
    """An insert with ``ON CONFLICT``, the same words in both databases.

    Args:
        table: Where rows are inserted.
        complete: Adds ``on_conflict_do_update``, and what follows it, to a plain insert.
    """

    def __init__(self, table: Table, complete: Callable[[Insert], Executable]) -> None:
        self._statements: dict[str, Executable] = {
            "sqlite": complete(sqlite.insert(table)),
            "postgresql": complete(postgresql.insert(table)),
        }

    def on(self, connection: Connection) -> Executable:
        """The statement as the connection's database takes it."""
        return self._statements[connection.dialect.name]
