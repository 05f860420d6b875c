"""What a process and its children use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

import psutil

T = TypeVar("T", int, float)

MEBIBYTE = 1 << 20
_EVERY_SECONDS = 0.1


@dataclass(slots=True)
class Peak:
    """The most memory that was seen so far."""

    byte_count: int


def memory(pid: int) -> int:
    """Resident bytes of a process and its children; what they share counts for each."""
    return sum(_of_family(pid, lambda process: process.memory_info().rss))


def cpu_seconds(pid: int) -> float:
    """Time on processors, user and system, of a process and its children."""
    return sum(_of_family(pid, lambda process: sum(process.cpu_times()[:2])))


@contextmanager
def watched_memory(pid: int) -> Iterator[Peak]:
    """Watch how much memory is used meanwhile."""
    peak = Peak(memory(pid))

    async def watch() -> None:
        while True:
            peak.byte_count = max(peak.byte_count, memory(pid))
            await asyncio.sleep(_EVERY_SECONDS)

    watching = asyncio.create_task(watch())
    try:
        yield peak
    finally:
        watching.cancel()


def _of_family(pid: int, figure: Callable[[psutil.Process], T]) -> Iterator[T]:
    parent = psutil.Process(pid)
    for process in (parent, *parent.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # a child that ended meanwhile
            yield figure(process)
