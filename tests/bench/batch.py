"""A batch of a few thousand pictures against its ideal: the provider's time alone, as many calls at a time as asked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import rivals
from tests.bench.load import Receiver, batch_request, post
from tests.bench.pictures import photograph
from tests.bench.report import Report, Target
from tests.bench.stores import store
from tests.bench.usage import cpu_seconds
from tests.servers.plain_http import Connection
from tests.servers.service import RunningService

PICTURE_BYTES = 100_000
_LONGEST_SECONDS = 3600
_FOLDER_ITEMS = 1000

_MOST_TIMES_THE_IDEAL: Mapping[str, float] = {"folder": 1.15, "s3": 1.3}


@dataclass(frozen=True, slots=True)
class BatchFigures:
    """One batch, from its request to its callback."""

    seconds: float
    cpu_seconds: float


async def measure(*, items: int, concurrency: int, provider_seconds: float, stores: Sequence[str]) -> Report:
    """One batch on each store, each with a fresh service; every picture must succeed."""
    figures = {kind: await _on(kind, items, concurrency, provider_seconds) for kind in stores}
    ideal_seconds = items * provider_seconds / concurrency
    return Report(
        title=f"{items} pictures of 100 kB, {concurrency} at a time, provider of {provider_seconds:g} s",
        rows=[
            ("", *stores),
            ("ideal, seconds", *(f"{ideal_seconds:.1f}" for _ in stores)),
            ("request to callback, seconds", *(f"{figures[kind].seconds:.1f}" for kind in stores)),
            ("ratio", *(f"{figures[kind].seconds / ideal_seconds:.3f}" for kind in stores)),
            ("CPU per picture, milliseconds", *(f"{figures[kind].cpu_seconds / items * 1000:.1f}" for kind in stores)),
        ],
        targets=[
            Target(f"{kind}: under {most:g} times the ideal", figures[kind].seconds < most * ideal_seconds)
            for kind, most in _MOST_TIMES_THE_IDEAL.items()
            if kind in figures
        ],
    )


async def _on(kind: str, items: int, concurrency: int, provider_seconds: float) -> BatchFigures:
    with store(kind) as held, TemporaryDirectory() as folder:
        async with (
            rivals.provider(byte_count=PICTURE_BYTES, delay_seconds=provider_seconds) as provider_url,
            Receiver() as receiver,
            rivals.service(Path(folder), provider_url, **held.variables) as service,
        ):
            held.fill(service, sources(items))
            return await run(service, receiver, items=items, concurrency=concurrency)


def sources(items: int) -> Iterator[tuple[str, bytes]]:
    """Keys and pictures, in folders of a thousand."""
    picture = photograph(PICTURE_BYTES, side=512)
    return ((f"{number // _FOLDER_ITEMS:03d}/{number:06d}.jpg", picture) for number in range(items))


async def run(service: RunningService, receiver: Receiver, *, items: int, concurrency: int) -> BatchFigures:
    """Run one batch over the whole bucket."""
    connection = Connection(service.url)
    cpu_before, started = cpu_seconds(service.pid), time.perf_counter()
    job_id = await post(connection, batch_request(receiver.url("batch"), concurrency=concurrency))
    seconds = await receiver.arrival("batch", timeout_seconds=_LONGEST_SECONDS) - started
    used_seconds = cpu_seconds(service.pid) - cpu_before
    connection.close()
    async with service.client() as client:
        progress = (await client.get(f"/api/v1/jobs/{job_id}")).json()["progress"]
    assert progress["succeeded"] == items, progress
    return BatchFigures(seconds, used_seconds)
