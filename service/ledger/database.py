"""The seam between the statements and the database that runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

Transaction = Callable[[Connection], T]
"""The body of one transaction: plain statements on a connection, run outside the event loop.

It may be run again after a rollback, so it changes nothing but the database.
"""


class Database(Protocol):
    """Runs transactions without blocking the event loop. Methods raise `LedgerUnavailableError`."""

    @property
    def groups_commits(self) -> bool:
        """Whether writes that come at the same moment share what a commit costs, each in a transaction of its own."""
        ...

    async def read(self, body: Transaction[T]) -> T:
        """Run a body that only reads, on one consistent state."""
        ...

    async def write(
        self, body: Transaction[T], settled: Callable[[T], None] | None = None, *, lasting: bool = True
    ) -> T:
        """Run a body and return once what it wrote is durable.

        What need not be `lasting` a power cut may take back, together with whoever relied on it: a database that other
        machines share makes it durable all the same, one that ends with its only process does so with the next write.
        `settled` is called on the event loop with the body's result at that moment, even when whoever waits has been
        canceled meanwhile. A canceled caller is let go only once it is known what became of the transaction.
        """
        ...

    async def close(self) -> None:
        """Commit what is pending and release the database."""
        ...
