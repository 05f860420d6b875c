"""Transactions that make something true which others wait for: work that is due, an event of a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from service.domain.work import Work
from service.ledger.database import Database
from service.ledger.feed import Feed
from service.ports.engine import WorkQueue
from service.ports.ledger import LeaseLostError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """What a transaction made true: its result, the work it queued, the job that has a new event."""

    result: T
    work: tuple[Work, ...] = ()
    job_id: str | None = None


class Facts:
    """Runs transactions, and tells the queue and the listeners what they brought once it is durable.

    Args:
        database: Runs the transactions.
        queue: Takes the work, inside the transaction that makes it necessary.
        feed: Tells the listeners.
    """

    def __init__(self, database: Database, *, queue: WorkQueue, feed: Feed) -> None:
        self._database = database
        self._queue = queue
        self._feed = feed

    def deferred(self, connection: Connection, *work: Work) -> tuple[Work, ...]:
        """Queue work within a transaction; the same work is to be named by its `Fact`."""
        if work:
            self._queue.defer(connection, work)
        return work

    def holds(self, connection: Connection, work: Sequence[Work | None]) -> Sequence[bool]:
        """Whether each piece of work that a worker was given is still its own; None is what it was not given as work.

        To be asked once the rows are locked: whoever takes the work over comes to them after this transaction then.
        """
        given = [piece for piece in work if piece is not None]
        held = iter(self._queue.holds(connection, given) if given else ())
        return [piece is None or next(held) for piece in work]

    def check_held(self, connection: Connection, work: Work | None) -> None:
        """The same as `holds` for one piece.

        Raises:
            LeaseLostError: another worker has taken it over.
        """
        if work is not None and not all(self.holds(connection, [work])):
            raise LeaseLostError(f"the work on {work.ref} was taken over")

    async def read(self, statement: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run a statement that only reads."""
        return await self._database.read(lambda connection: statement(connection, *args, **kwargs))

    async def change(self, statement: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run a statement whose change nobody waits for."""
        return await self._database.write(lambda connection: statement(connection, *args, **kwargs))

    async def write(self, body: Callable[[Connection], Fact[T]], *, lasting: bool = True) -> T:
        """Run the body of a transaction, and tell of what it made true."""
        return (await self._database.write(body, self._settled, lasting=lasting)).result

    async def write_each(self, body: Callable[[Connection], Sequence[Fact[T] | None]]) -> Sequence[Fact[T] | None]:
        """Run the body of a transaction that makes several things true, and tell of each of them."""
        return await self._database.write(body, self._all_settled)

    def _all_settled(self, facts: Sequence[Fact[Any] | None]) -> None:
        for fact in facts:
            if fact is not None:
                self._settled(fact)

    def _settled(self, fact: Fact[Any]) -> None:
        if fact.work:
            self._queue.committed(fact.work)
        if fact.job_id is not None:
            self._feed.announce(fact.job_id)
