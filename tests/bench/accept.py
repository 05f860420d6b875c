"""How many pictures of 1 MB are accepted in a second."""

from __future__ import annotations

from functools import partial
from statistics import median

from tests.bench import rivals
from tests.bench.load import Jobs, Receiver, post_all
from tests.bench.pictures import photograph
from tests.bench.report import Report, Target

_CLIENTS = 32
_PICTURE_BYTES = 1_000_000
_JOBS_AT_ONCE = 40  # the threads that Starlette gives the stand-in for its background tasks
_PROVIDER_SECONDS = 10.0  # as long as image models take; what is measured is the accepting


async def measure(*, rounds: int, requests: int) -> Report:
    """Both in turn, each round with fresh processes; the ratio is taken within a round."""
    jobs = Jobs(photograph(_PICTURE_BYTES, side=1600))
    ours: list[float] = []
    theirs: list[float] = []
    async with (
        rivals.provider(byte_count=_PICTURE_BYTES, delay_seconds=_PROVIDER_SECONDS) as provider_url,
        Receiver() as receiver,
    ):
        load = [jobs.request(receiver.url("callback"))] * requests
        service = partial(rivals.service, AFTERIMAGE_WORKER_CONCURRENCY=f"{_JOBS_AT_ONCE}")
        pair: list[tuple[rivals.Rival, list[float]]] = [(rivals.standin, theirs), (service, ours)]
        for _ in range(rounds):
            pair.reverse()
            for rival, rates in pair:
                async with rivals.running(rival, provider_url) as process:
                    await post_all(process.url, load[:_CLIENTS], clients=_CLIENTS)
                    rates.append(requests / await post_all(process.url, load, clients=_CLIENTS))
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    return Report(
        title=f"Accepting 1 MB pictures, {_CLIENTS} clients, {rounds} rounds of {requests}",
        rows=[
            ("202s a second", "median", "lowest", "highest"),
            ("service, durable", *_spread(ours, "{:.0f}")),
            ("stand-in, in memory", *_spread(theirs, "{:.0f}")),
            ("ratio", *_spread(ratios, "{:.2f}")),
        ],
        targets=[Target("at least as many as the stand-in", median(ratios) >= 1)],
    )


def _spread(values: list[float], form: str) -> tuple[str, str, str]:
    return form.format(median(values)), form.format(min(values)), form.format(max(values))
