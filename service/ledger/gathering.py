"""Writes of one kind, each in a transaction of its own, or all that come at the same moment in one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Generic, TypeVar

from service.ledger.facts import Fact, Facts
from service.ledger.joining import Joinable, Kind
from service.ports.ledger import LedgerUnavailableError

P = TypeVar("P")
R = TypeVar("R")

_TRANSACTIONS_AT_ONCE = 2  # one of them may take long


class Singly(Generic[P, R]):
    """Makes a transaction of each write, at once; the database may join them by itself.

    Args:
        facts: Runs the transactions.
        kind: Their bodies.
        lasting: As `Database.write` takes it.
    """

    def __init__(self, facts: Facts, kind: Kind[P, Fact[R]], *, lasting: bool = True) -> None:
        self._facts = facts
        self._kind = kind
        self._lasting = lasting

    async def write(self, wanted: P) -> R:
        """Make a write, and return once it is done."""
        return await self._facts.write(Joinable(self._kind, wanted), lasting=self._lasting)

    async def settle(self) -> None:
        """Nothing to do: the database has all of it."""


class Gathering(Generic[P, R]):
    """Makes one transaction of all writes of a kind that came while earlier ones were under way.

    So the number of commits follows how long they take, and not how many writes there are; one that comes alone goes
    at once. What the common transaction leaves out gets one of its own, and so does each when the common one fails for
    another reason than that the database is away: one write must not keep others from being made.

    Args:
        facts: Runs the transactions.
        kind: Their bodies.
    """

    def __init__(self, facts: Facts, kind: Kind[P, Fact[R]]) -> None:
        self._facts = facts
        self._kind = kind
        self._turn = asyncio.Semaphore(_TRANSACTIONS_AT_ONCE)
        self._gathered: list[P] = []
        self._next: asyncio.Task[Sequence[Fact[R] | None]] | None = None

    async def write(self, wanted: P) -> R:
        """Make a write, and return once it is durable.

        A canceled caller is let go only once it is known what became of the transaction.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._write_gathered())
        writing, number = self._next, len(self._gathered)
        self._gathered.append(wanted)
        try:
            fact = (await asyncio.shield(writing))[number]
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            raise
        if fact is None:
            return await self._facts.write(Joinable(self._kind, wanted))
        return fact.result

    async def settle(self) -> None:
        """Hand all that is gathered over to the database."""
        while self._next is not None:
            await asyncio.wait([self._next])

    async def _write_gathered(self) -> Sequence[Fact[R] | None]:
        async with self._turn:
            gathered, self._gathered, self._next = self._gathered, [], None
            try:
                return await self._facts.write_each(lambda connection: self._kind.together(connection, gathered))
            except LedgerUnavailableError:
                raise
            except Exception:  # noqa: BLE001 - each is told of its own
                return [None] * len(gathered)
