"""The seam to what runs work durably.

An engine calls a handler for every piece of work at least once, never two at a time for the same kind and ref, and
again after a crash. Work is created inside the ledger's own transaction (`WorkQueue.defer`), so that a job and the
work on it are committed together.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from service.domain.work import Again, Work, WorkKind

Handler = Callable[[Work], Awaitable[Again | None]]


class WorkQueue(Protocol):
    """Where the ledger puts work."""

    def defer(self, connection: Connection, work: Sequence[Work]) -> None:
        """Queue work within the ledger's transaction. The same kind and ref again moves it to the earlier moment."""
        ...

    def committed(self, work: Sequence[Work]) -> None:
        """Called on the event loop once that transaction is durable: wakes whoever waits for work."""
        ...

    def holds(self, connection: Connection, work: Sequence[Work]) -> Sequence[bool]:
        """Whether each piece of work, as handlers were given it, is still this process's, as a transaction sees it."""
        ...


class WorkStore(Protocol):
    """The table behind the embedded engine."""

    def defer(self, connection: Connection, work: Sequence[Work]) -> None:
        """Add work within the ledger's transaction; see `WorkQueue.defer`."""
        ...

    async def due(self, kind: WorkKind, now: datetime, limit: int) -> Sequence[Work]:
        """Work that is due, the most urgent first."""
        ...

    async def next_due_at(self, kind: WorkKind, after: datetime) -> datetime | None:
        """The moment at which the next work not yet due becomes due."""
        ...

    async def done(self, work: Work) -> datetime | None:
        """Remove finished work; returns when it is due again if it was deferred anew while it ran, and so stays."""
        ...

    async def postpone(self, work: Work, due_at: datetime) -> datetime:
        """Keep work for a later moment; returns the one for which it is kept, earlier if it was deferred anew."""
        ...

    async def depth(self) -> Mapping[WorkKind, int]:
        """How much work there is, running and waiting."""
        ...


class Engine(Protocol):
    """Runs work."""

    async def start(self, handlers: Mapping[WorkKind, Handler]) -> None:
        """Begin to work in the background; what an earlier process left is taken up."""
        ...

    async def interrupt(self, kind: WorkKind, ref: str) -> None:
        """Ask for the cancellation of a handler that is running now, wherever it runs; none running is no error."""
        ...

    async def stop(self, *, grace_seconds: float) -> None:
        """Take nothing new, let what runs finish within the grace period, cancel the rest (it will run again)."""
        ...

    async def depth(self) -> Mapping[WorkKind, int]:
        """How much work there is, running and waiting."""
        ...

    def in_flight(self) -> Mapping[WorkKind, int]:
        """How many handlers run now in this process."""
        ...

    def may_have_lost(self, running: timedelta) -> bool:
        """Whether another process may have taken over what has been running here for so long.

        To be asked before something new is begun, to save what the ledger would refuse.
        """
        ...
