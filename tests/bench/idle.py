"""What the service adds to one job when nothing else is going on, and where the time goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median, quantiles
from typing import Any

import httpx

from tests.bench import rivals
from tests.bench.load import Jobs, Receiver, post
from tests.bench.pictures import photograph
from tests.bench.report import Report, Target
from tests.servers.plain_http import Connection
from tests.servers.processes import WebProcess

_PICTURE_BYTES = 1_000_000
_WARM_UP = 5
_PAUSE_SECONDS = 0.05
_MOST_TIMES_THE_STANDIN = 1.5


@dataclass(frozen=True, slots=True)
class _Sample:
    """One job: when it was posted (Unix seconds), and the milliseconds until its 202 and until its callback."""

    job_id: str
    posted_at: float
    accepted_ms: float
    called_back_ms: float


async def measure(*, samples: int) -> Report:
    """Both in turn, job by job, in one run."""
    jobs = Jobs(photograph(_PICTURE_BYTES, side=1600))
    async with (
        rivals.provider(byte_count=_PICTURE_BYTES, delay_seconds=0) as provider_url,
        Receiver() as receiver,
        rivals.running(rivals.standin, provider_url) as standin,
        rivals.running(rivals.service, provider_url) as service,
    ):
        theirs: list[_Sample] = []
        ours: list[_Sample] = []
        for number in range(samples + _WARM_UP):
            for process, taken in ((standin, theirs), (service, ours)):
                sample = await _sample(process, jobs, receiver, f"{id(taken)}-{number}")
                if number >= _WARM_UP:
                    taken.append(sample)
                await asyncio.sleep(_PAUSE_SECONDS)
        async with service.client() as client:
            phases = [await _phases(client, sample) for sample in ours]
    ratio = median(sample.called_back_ms for sample in ours) / median(sample.called_back_ms for sample in theirs)
    return Report(
        title=f"One idle job, 1 MB picture, provider answering at once, {samples} of each",
        rows=[
            ("milliseconds", "median", "p90"),
            ("service, request to callback", *_spread([sample.called_back_ms for sample in ours])),
            *((f"  {name}", *_spread([phase[name] for phase in phases])) for name in phases[0]),
            ("stand-in, request to callback", *_spread([sample.called_back_ms for sample in theirs])),
            ("  until 202", *_spread([sample.accepted_ms for sample in theirs])),
            ("ratio", f"{ratio:.2f}", ""),
        ],
        targets=[Target(f"at most {_MOST_TIMES_THE_STANDIN} times the stand-in", ratio <= _MOST_TIMES_THE_STANDIN)],
    )


async def _sample(process: WebProcess, jobs: Jobs, receiver: Receiver, name: str) -> _Sample:
    request = jobs.request(receiver.url(name))
    connection = Connection(process.url)
    posted_at, started = time.time(), time.perf_counter()
    job_id = await post(connection, request)
    accepted = time.perf_counter()
    called_back = await receiver.arrival(name)
    connection.close()
    return _Sample(job_id, posted_at, (accepted - started) * 1000, (called_back - started) * 1000)


async def _phases(client: httpx.AsyncClient, sample: _Sample) -> Mapping[str, float]:
    """Where one job's time went in milliseconds, by the moments that the job itself tells."""
    job: Mapping[str, Any] = (await client.get(f"/api/v1/jobs/{sample.job_id}")).json()
    attempt = job["attempts"][0]
    moments = {
        "until 202": sample.posted_at + sample.accepted_ms / 1000,
        "until it runs": _unix(job["started_at"]),
        "preparing the source": _unix(attempt["started_at"]),
        "asking the provider": _unix(attempt["ended_at"]),
        "ending": _unix(job["finished_at"]),
        "calling back": sample.posted_at + sample.called_back_ms / 1000,
    }
    ends = list(moments.values())
    return {
        name: (end - start) * 1000 for name, start, end in zip(moments, [sample.posted_at, *ends], ends, strict=False)
    }


def _unix(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _spread(values: list[float]) -> tuple[str, str]:
    return f"{median(values):.1f}", f"{quantiles(values, n=10)[-1]:.1f}"
