"""What accepting, reading, listing and taking a job cost when the ledger holds a million that have finished.

Each alone and one at a time, in turn on a small and on a large ledger of the same kind. The large one is filled by
copies of one finished job with all that belongs to it, so that every table has as many rows as real work leaves there.
Entries of the queue are gone once their work is done, on both engines.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from service.domain.jobs import JobStatus
from service.ports.ledger import IdempotencyKey, JobQuery
from tests.bench.ledgers import Home, finished_id, postgres_ledger, sqlite_ledger
from tests.bench.report import Report, Target
from tests.contract.ledger_suite import NOW, a_job, an_ending
from tests.servers.postgres import PostgresServer

_WAITING = 20
_WARM_UP = 20
_PAGE = 50
_MOST_TIMES = 1.5

Timings = dict[str, list[float]]
"""Milliseconds of each sample, by what was done."""


async def measure(*, few: int, many: int, samples: int, kinds: Sequence[str]) -> Report:
    """Both ledgers of each kind, in one run."""
    rows = [("median milliseconds", f"{few} jobs", f"{many} jobs", "ratio")]
    targets = []
    for kind in kinds:
        small, large = await _timings(kind, few, many, samples)
        for name in small:
            at_few, at_many = median(small[name]), median(large[name])
            rows.append((f"{kind}: {name}", f"{at_few:.2f}", f"{at_many:.2f}", f"{at_many / at_few:.2f}"))
            text = f"{kind}: {name} within {_MOST_TIMES} times"
            targets.append(Target(text, at_many <= _MOST_TIMES * at_few))
    return Report(title=f"A ledger of {few} and of {many} finished jobs, {samples} of each", rows=rows, targets=targets)


async def _timings(kind: str, few: int, many: int, samples: int) -> tuple[Timings, Timings]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        server = stack.enter_context(PostgresServer(durable=True)) if kind == "postgres" else None
        ledgers: list[tuple[Home, int, Timings]] = []
        for count in (few, many):
            if server is not None:
                opened = postgres_ledger(server.url(server.create_database()), finished=count)
            else:
                opened = sqlite_ledger(folder / f"{count}", finished=count)
            ledgers.append((await stack.enter_async_context(opened), count, defaultdict(list)))
        for home, _, _ in ledgers:
            for _ in range(_WAITING):
                await _accept(home)
        for number in range(samples + _WARM_UP):
            ledgers.reverse()
            for home, count, timings in ledgers:
                await _sample(home, count, timings if number >= _WARM_UP else defaultdict(list))
        (_, _, small), (_, _, large) = sorted(ledgers, key=lambda ledger: ledger[1])
        return small, large


async def _sample(home: Home, count: int, timings: Timings) -> None:
    """Do everything once; as many jobs wait afterwards as before."""

    def took(name: str, begun: float) -> None:
        timings[name].append((time.perf_counter() - begun) * 1000)

    some_id = finished_id(random.randint(1, count))  # noqa: S311 - no secret
    begun = time.perf_counter()
    await _accept(home)
    took("accept", begun)

    begun = time.perf_counter()
    found = await home.ledger.job("acme", some_id)
    took("get", begun)
    assert found is not None

    begun = time.perf_counter()
    newest = await home.ledger.jobs(JobQuery(tenant="acme", limit=_PAGE))
    took("list, newest", begun)
    assert len(newest) == _PAGE

    cursor = finished_id(random.randint(_PAGE + 1, count))  # noqa: S311 - no secret
    query = JobQuery(tenant="acme", status=JobStatus.SUCCEEDED, cursor=cursor, limit=_PAGE)
    begun = time.perf_counter()
    older = await home.ledger.jobs(query)
    took("list, by status from anywhere", begun)
    assert len(older) == _PAGE

    begun = time.perf_counter()
    job = await home.ledger.begin(await home.worker.take(), now=NOW)
    took("claim", begun)
    assert job is not None
    await home.ledger.finish(job, an_ending(), None)
    await home.worker.done()


async def _accept(home: Home) -> None:
    job = a_job()
    await home.ledger.accept(job, idempotency=IdempotencyKey(job.id, "fingerprint"))
