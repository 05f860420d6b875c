"""A large batch: what it keeps in memory, and what a single job beside it has to wait."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from tests.bench import batch, rivals
from tests.bench.load import Jobs, Receiver, post
from tests.bench.pictures import photograph
from tests.bench.report import Report, Target
from tests.bench.stores import FolderStore
from tests.bench.usage import MEBIBYTE, watched_memory
from tests.servers.plain_http import Connection
from tests.servers.service import RunningService

_WARM_UP = 3

_MOST_MEBIBYTES_MORE = 50
_MOST_MILLISECONDS_MORE = 100


@dataclass(frozen=True, slots=True)
class _Figures:
    """One batch with single jobs before and beside it; `idle` and `beside` are what was added to each, in ms."""

    seconds: float
    peak_bytes: int
    idle: list[float]
    beside: list[float]


async def measure(*, few: int, many: int, concurrency: int, provider_seconds: float, idle_jobs: int = 20) -> Report:
    """A small and a large batch on the folder, each with a fresh service that is idle for some single jobs before."""
    small, large = [await _figures(items, concurrency, provider_seconds, idle_jobs) for items in (few, many)]
    more_mebibytes = (large.peak_bytes - small.peak_bytes) / MEBIBYTE
    most_ms = 2 * median(large.idle) + _MOST_MILLISECONDS_MORE
    return Report(
        title=f"{few} and {many} pictures of 100 kB, {concurrency} at a time, provider of {provider_seconds:g} s",
        rows=[
            ("", str(few), str(many)),
            ("request to callback, seconds", f"{small.seconds:.1f}", f"{large.seconds:.1f}"),
            ("most memory, MiB", f"{small.peak_bytes / MEBIBYTE:.0f}", f"{large.peak_bytes / MEBIBYTE:.0f}"),
            ("single job, added when idle, ms", _spread(small.idle), _spread(large.idle)),
            ("single job, added beside it, ms", _spread(small.beside), _spread(large.beside)),
        ],
        targets=[
            Target(f"memory grows by less than {_MOST_MEBIBYTES_MORE} MiB", more_mebibytes < _MOST_MEBIBYTES_MORE),
            Target(
                f"single jobs beside it: under twice the idle figure and {_MOST_MILLISECONDS_MORE} ms",
                median(large.beside) < most_ms,
            ),
        ],
    )


async def _figures(items: int, concurrency: int, provider_seconds: float, idle_jobs: int) -> _Figures:
    async with _surrounded(items, provider_seconds) as (service, receiver, single):
        for _ in range(_WARM_UP):
            await single.added_ms()
        with watched_memory(service.pid) as peak:
            idle = [await single.added_ms() for _ in range(idle_jobs)]
            beside: list[float] = []
            submitting = asyncio.create_task(single.submit(beside))
            figures = await batch.run(service, receiver, items=items, concurrency=concurrency)
            submitting.cancel()
            with suppress(asyncio.CancelledError):
                await submitting
    return _Figures(figures.seconds, peak.byte_count, idle, beside)


@asynccontextmanager
async def _surrounded(items: int, provider_seconds: float) -> AsyncIterator[tuple[RunningService, Receiver, _Singles]]:
    with TemporaryDirectory() as folder:
        async with (
            rivals.provider(byte_count=batch.PICTURE_BYTES, delay_seconds=provider_seconds) as provider_url,
            Receiver() as receiver,
            rivals.service(Path(folder), provider_url) as service,
        ):
            FolderStore().fill(service, batch.sources(items))
            connection = Connection(service.url)
            yield service, receiver, _Singles(connection, receiver, provider_seconds)
            connection.close()


class _Singles:
    """Single jobs with the same picture, one at a time."""

    def __init__(self, connection: Connection, receiver: Receiver, provider_seconds: float) -> None:
        self._connection = connection
        self._receiver = receiver
        self._provider_seconds = provider_seconds
        self._jobs = Jobs(photograph(batch.PICTURE_BYTES, side=512))
        self._numbers = itertools.count()

    async def added_ms(self) -> float:
        """Run one; what it took from request to callback beyond the provider's own time."""
        name = f"single-{next(self._numbers)}"
        request = self._jobs.request(self._receiver.url(name))
        started = time.perf_counter()
        await post(self._connection, request)
        seconds = await self._receiver.arrival(name) - started
        return (seconds - self._provider_seconds) * 1000

    async def submit(self, added_ms: list[float]) -> None:
        """Run one after the other, with pauses, until canceled."""
        while True:
            await asyncio.sleep(self._provider_seconds / 2)
            added_ms.append(await self.added_ms())


def _spread(values: list[float]) -> str:
    if len(values) < 2:
        return ", ".join(f"{value:.0f}" for value in values)
    return f"{median(values):.0f} (p90 {quantiles(values, n=10)[-1]:.0f})"
