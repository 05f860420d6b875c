"""What a piece of work takes, counted in what is the same on every machine, which seconds are not."""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from types import FrameType


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of Python are run, those of loops as often as they are, but not those of finalizers of others."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> object:
        nonlocal count
        count += event == "line"
        return note

    before = sys.gettrace()
    gc.disable()
    sys.settrace(note)
    try:
        work()
    finally:
        sys.settrace(before)
        gc.enable()
    return count


def most_bytes(work: Callable[[], object]) -> int:
    """How much memory is taken for objects of Python at a time, copies of what it works on among them.

    The least of several runs: other threads take memory, too.
    """
    return min(_most_bytes(work) for _ in range(5))


def _most_bytes(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class Turns:
    """How much of Python runs before the event loop gets to its next turn."""

    def __init__(self) -> None:
        self._lines = 0
        self.most_lines = 0

    def note(self, _frame: FrameType, event: str, _argument: object) -> object:
        """As `sys.settrace` calls it."""
        self._lines += event == "line"
        return self.note

    async def watch(self) -> None:
        """Look once a turn until canceled."""
        while True:
            before = self._lines
            await asyncio.sleep(0)
            self.most_lines = max(self.most_lines, self._lines - before)


@asynccontextmanager
async def watched_turns() -> AsyncIterator[Turns]:
    """Watch this event loop for the length of a block; what other threads run is left out."""
    turns = Turns()
    watching = asyncio.create_task(turns.watch())
    before = sys.gettrace()
    sys.settrace(turns.note)
    try:
        yield turns
    finally:
        sys.settrace(before)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
