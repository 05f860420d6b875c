"""The due work that is known in memory: the most urgent of it, in order, and never more than a fixed number."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from datetime import datetime

from service.domain.work import Work


def _urgency(work: Work) -> tuple[int, datetime, str]:
    return (-work.priority, work.due_at, work.ref)


class Ready:
    """Work of one kind that may start now, the most urgent first, each ref once.

    Args:
        capacity: How much is kept; the rest stays in the store alone.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._works: list[Work] = []
        self._refs: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._works)

    def add(self, work: Work) -> bool:
        """Keep work in its place; False when something, perhaps this, had to be left to the store for it."""
        if work.ref in self._refs:
            return True
        if len(self._works) >= self.capacity:
            if not self.outranks_last(work):
                return False
            bisect.insort(self._works, work, key=_urgency)
            self._refs.add(work.ref)
            self._refs.discard(self._works.pop().ref)
            return False
        bisect.insort(self._works, work, key=_urgency)
        self._refs.add(work.ref)
        return True

    def outranks_last(self, work: Work) -> bool:
        """Whether work is more urgent than the least urgent that is kept."""
        return bool(self._works) and _urgency(work) < _urgency(self._works[-1])

    def pop(self) -> Work:
        """Hand out the most urgent work."""
        work = self._works.pop(0)
        self._refs.discard(work.ref)
        return work

    def replace(self, works: Iterable[Work]) -> None:
        """Keep other work instead, given in order."""
        self._works = list(works)[: self.capacity]
        self._refs = {work.ref for work in self._works}
