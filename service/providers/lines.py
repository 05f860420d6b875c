"""Those who wait for their turn to call a provider."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Kind:
    """What calls have in common that may go, or not, together.

    Attributes:
        tenant: Whose they are; None where tenants are not told apart.
        collects: Whether they start nothing.
    """

    tenant: str | None
    collects: bool


@dataclass(slots=True, eq=False)
class Waiter:
    """One call that waits; `number` says when it came."""

    kind: Kind
    number: int
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Line:
    """Calls that are first come first served, apart from those whose kind may not go; and how many are out."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._numbers = itertools.count()
        self._queues: dict[Kind, deque[Waiter]] = {}

    def join(self, kind: Kind) -> Waiter:
        """Wait behind all others."""
        waiter = Waiter(kind, next(self._numbers))
        self._queues.setdefault(kind, deque()).append(waiter)
        return waiter

    def quit(self, waiter: Waiter) -> None:
        """Wait no more; whoever has been passed over is gone already."""
        queue = self._queues.get(waiter.kind, ())
        if waiter in queue:
            self._take(waiter)

    def first(self, may_go: Callable[[Kind], bool]) -> Waiter | None:
        """Who has waited the longest of those that may go."""
        heads = (queue[0] for queue in self._alive() if may_go(queue[0].kind))
        return min(heads, key=lambda waiter: waiter.number, default=None)

    def go(self, waiter: Waiter) -> None:
        """Let the first one of its kind go."""
        self._take(waiter)
        self.in_flight += 1
        waiter.turn.set_result(None)

    def lengths(self) -> dict[Kind, int]:
        """How many wait, by kind."""
        return {queue[0].kind: len(queue) for queue in self._alive()}

    def __len__(self) -> int:
        return sum(not waiter.turn.done() for queue in self._queues.values() for waiter in queue)

    def _alive(self) -> Iterator[deque[Waiter]]:
        """The queues in which somebody waits, without those at the head who have given up and not gone yet."""
        for queue in list(self._queues.values()):
            while queue and queue[0].turn.done():
                self._take(queue[0])
            if queue:
                yield queue

    def _take(self, waiter: Waiter) -> None:
        queue = self._queues[waiter.kind]
        queue.remove(waiter)
        if not queue:
            del self._queues[waiter.kind]
