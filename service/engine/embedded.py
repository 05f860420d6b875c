"""The engine for one process: lanes over a store of work, woken by the ledger itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import Connection

from service.domain.work import Work, WorkKind
from service.engine.backoff import Backoff
from service.engine.lane import Lane
from service.ports.clock import Clock
from service.ports.engine import Handler, WorkStore

_BACKOFF = Backoff(first_seconds=1, longest_seconds=300)


class EmbeddedEngine:
    """Implements `Engine`, and `WorkQueue` for the ledger, within one process.

    Work is in the store before it is here, and leaves it only when its handler is done with it. So a process that
    dies loses nothing: the next one finds in the store what was waiting or running.

    Args:
        store: Holds the work; no other process works from it.
        clock: Says what is due.
        concurrency: How many handlers of each kind run at once.
        backoff: The waits after a handler has raised.
    """

    def __init__(
        self,
        *,
        store: WorkStore,
        clock: Clock,
        concurrency: Mapping[WorkKind, int],
        backoff: Backoff = _BACKOFF,
    ) -> None:
        self._store = store
        self._clock = clock
        self._concurrency = concurrency
        self._backoff = backoff
        self._lanes: dict[WorkKind, Lane] = {}

    def defer(self, connection: Connection, work: Sequence[Work]) -> None:
        """Queue work within the ledger's transaction."""
        self._store.defer(connection, work)

    def committed(self, work: Sequence[Work]) -> None:
        """Run what the ledger has just made durable, at once where it is due and there is a free slot."""
        for piece in work:
            if (lane := self._lanes.get(piece.kind)) is not None:
                lane.offer(piece)

    def holds(self, connection: Connection, work: Sequence[Work]) -> Sequence[bool]:
        """Always: there is no other process."""
        del connection
        return [True] * len(work)

    async def start(self, handlers: Mapping[WorkKind, Handler]) -> None:
        """Begin to work in the background; what an earlier process left is taken up."""
        for kind, handler in handlers.items():
            self._lanes[kind] = Lane(
                kind,
                handler,
                store=self._store,
                clock=self._clock,
                concurrency=self._concurrency[kind],
                backoff=self._backoff,
            )
            self._lanes[kind].pump()

    async def interrupt(self, kind: WorkKind, ref: str) -> None:
        """Cancel a handler that is running now and wait until it has let go; it is called again a moment later."""
        if (lane := self._lanes.get(kind)) is not None:
            await lane.interrupt(ref)

    async def stop(self, *, grace_seconds: float) -> None:
        """Take nothing new, let what runs finish within the grace period, cancel the rest (it will run again)."""
        running = [task for lane in self._lanes.values() for task in lane.close()]
        if running:
            _, late = await asyncio.wait(running, timeout=grace_seconds)
            for task in late:
                task.cancel()
            await asyncio.wait(running)

    async def depth(self) -> Mapping[WorkKind, int]:
        """How much work there is, running and waiting."""
        return await self._store.depth()

    def in_flight(self) -> Mapping[WorkKind, int]:
        """How many handlers run now in this process."""
        return {kind: lane.in_flight for kind, lane in self._lanes.items()}

    def may_have_lost(self, running: timedelta) -> bool:
        """Never: there is no other process."""
        del running
        return False
