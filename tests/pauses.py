"""How long the event loop was kept from other work by this process; what other processes take is left out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

_LOOK_SECONDS = 0.002


@dataclass(slots=True)
class Pauses:
    """What was seen so far."""

    longest_seconds: float = 0.0

    async def watch(self) -> None:
        """Look until canceled.

        A pause counts with the time that passed or, if that is less, the processor time that this whole process had
        meanwhile: what other processes take from the machine is none of ours.
        """
        while True:
            wall, own = time.perf_counter(), time.process_time()
            await asyncio.sleep(_LOOK_SECONDS)
            pause = min(time.perf_counter() - wall, time.process_time() - own)
            self.longest_seconds = max(self.longest_seconds, pause)


@asynccontextmanager
async def watched_pauses() -> AsyncIterator[Pauses]:
    """Watch the loop for the length of a block."""
    pauses = Pauses()
    watching = asyncio.create_task(pauses.watch())
    try:
        yield pauses
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
