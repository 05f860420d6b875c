"""Writes of one kind, which one body can make together for less than each costs alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Connection

from service.ledger.database import Transaction

P = TypeVar("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Kind(Generic[P, T]):
    """How writes of one kind are made.

    Attributes:
        together: The body of a transaction for several: what became of each, None for those that it leaves out.
        alone: The body of a transaction for one.
    """

    together: Callable[[Connection, Sequence[P]], Sequence[T | None]]
    alone: Callable[[Connection, P], T]

    def joined(self, bodies: Sequence[Joinable[P, T]]) -> Transaction[Sequence[T | None]]:
        """One body for several of this kind."""
        return lambda connection: self.together(connection, [body.wanted for body in bodies])


@dataclass(frozen=True, slots=True, eq=False)
class Joinable(Generic[P, T]):
    """The body of a transaction for one write; who has several of its kind may run them together instead."""

    kind: Kind[P, T]
    wanted: P

    def __call__(self, connection: Connection) -> T:
        """Make the write alone."""
        return self.kind.alone(connection, self.wanted)
