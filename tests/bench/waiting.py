"""A thousand jobs that wait on a slow provider at once in one process."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import pairwise

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.bench import rivals
from tests.bench.load import Jobs, Receiver, post_all
from tests.bench.pictures import photograph
from tests.bench.report import Report, Target
from tests.bench.usage import MEBIBYTE, memory, watched_memory
from tests.patience import PATIENCE_SECONDS

_CLIENTS = 64
_PICTURE_BYTES = 100_000
_LAG = "afterimage_event_loop_lag_seconds"

_MOST_SECONDS_BEYOND_THE_PROVIDER = 3.0
_MOST_LAG_SECONDS = 0.05
_MOST_MEBIBYTES = 400


async def measure(*, jobs: int, provider_seconds: float) -> Report:
    """Post them as fast as they are accepted, then wait for the last callback."""
    concurrency = {"AFTERIMAGE_WORKER_CONCURRENCY": str(jobs), "AFTERIMAGE_PROVIDER_CONCURRENCY": str(jobs)}
    rival = partial(rivals.service, **concurrency)
    async with (
        rivals.provider(byte_count=_PICTURE_BYTES, delay_seconds=provider_seconds) as provider_url,
        Receiver() as receiver,
        rivals.running(rival, provider_url) as service,
        service.client() as client,
    ):
        picture = Jobs(photograph(_PICTURE_BYTES, side=512))
        requests = [picture.request(receiver.url(str(number))) for number in range(jobs)]
        idle_bytes = memory(service.pid)
        lag_before = await _lag_buckets(client)
        with watched_memory(service.pid) as peak:
            accepting_seconds = await post_all(service.url, requests, clients=_CLIENTS)
            accepted_at = time.perf_counter()
            called_back_at = [
                await receiver.arrival(str(number), timeout_seconds=provider_seconds * 6 + PATIENCE_SECONDS)
                for number in range(jobs)
            ]
        seconds = max(called_back_at) - accepted_at
        lag_seconds = percentile(lag_before, await _lag_buckets(client), 0.99)
        mebibytes = (peak.byte_count - idle_bytes) / MEBIBYTE
    most_seconds = provider_seconds + _MOST_SECONDS_BEYOND_THE_PROVIDER
    return Report(
        title=f"{jobs} jobs of 100 kB waiting on a provider of {provider_seconds:g} s at once",
        rows=[
            ("", "measured"),
            ("accepting all, seconds", f"{accepting_seconds:.1f}"),
            ("last 202 to last callback, seconds", f"{seconds:.1f}"),
            ("event-loop lag p99, milliseconds", f"{lag_seconds * 1000:.0f}"),
            ("memory beyond idle, MiB", f"{mebibytes:.0f}"),
            ("memory when idle, MiB", f"{idle_bytes / MEBIBYTE:.0f}"),
        ],
        targets=[
            Target(f"all done within {most_seconds:g} s of the last 202", seconds <= most_seconds),
            Target(f"event-loop lag p99 under {_MOST_LAG_SECONDS * 1000:g} ms", lag_seconds < _MOST_LAG_SECONDS),
            Target(f"memory under {_MOST_MEBIBYTES} MiB beyond idle", mebibytes < _MOST_MEBIBYTES),
        ],
    )


async def _lag_buckets(client: httpx.AsyncClient) -> Mapping[float, float]:
    """Upper bounds in seconds to the number of samples up to there."""
    return dict(_buckets((await client.get("/metrics")).text))


def _buckets(exposition: str) -> Iterator[tuple[float, float]]:
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples if family.name == _LAG else ():
            if sample.name.endswith("_bucket"):
                yield float(sample.labels["le"]), sample.value


def percentile(before: Mapping[float, float], after: Mapping[float, float], part: float) -> float:
    """The value below which that part of the samples between two readings lies, linear within its bucket."""
    counts = {0.0: 0.0} | {bound: after[bound] - before.get(bound, 0.0) for bound in sorted(after)}
    wanted = counts[float("inf")] * part
    for (low, below), (high, upto) in pairwise(counts.items()):
        if upto >= wanted and upto > below:
            return high if high == float("inf") else low + (high - low) * (wanted - below) / (upto - below)
    return float("inf")
