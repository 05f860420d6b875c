"""Who in this process wants to hear of a job's events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager


class Feed:
    """Tells listeners that something happened; what it was they read from the ledger."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def listen(self, job_id: str) -> Iterator[AsyncIterator[None]]:
        """An iterator that yields after what happens from now on; several happenings may be one yield."""
        happened = asyncio.Event()
        listeners = self._listeners.setdefault(job_id, set())
        listeners.add(happened)
        try:
            yield _yields(happened)
        finally:
            listeners.discard(happened)
            if not listeners and self._listeners.get(job_id) is listeners:
                del self._listeners[job_id]

    def announce(self, job_id: str) -> None:
        """Wake everybody who listens to a job."""
        for happened in self._listeners.get(job_id, ()):
            happened.set()

    def announce_all(self) -> None:
        """Wake everybody, because it is not known what happened."""
        for job_id in self._listeners:
            self.announce(job_id)


async def _yields(happened: asyncio.Event) -> AsyncIterator[None]:
    while True:
        await happened.wait()
        happened.clear()
        yield
