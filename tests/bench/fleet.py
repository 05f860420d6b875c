"""Processes on one Postgres that accept and work: what becomes of the jobs of a worker that is killed or stopped."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.report import Report, Target
from tests.fault.fleet import AT_A_TIME, FleetRun
from tests.servers.postgres import PostgresServer

_MOST_SECONDS = 60.0


async def measure(*, jobs: int, apis: int, workers: int) -> Report:
    """One run; every promise that was broken is printed as a missed target."""
    with PostgresServer(durable=True) as server, TemporaryDirectory() as folder:
        url = server.url(server.create_database())
        outcome = await FleetRun(Path(folder), url, apis=apis, workers=workers).run(jobs)
    callbacks = sum(map(len, outcome.evidence.callbacks.values()))
    violations = outcome.violations()
    return Report(
        title=f"{apis} processes accept and {workers} work, one of them killed and one stopped for 40 s",
        rows=[
            ("", "measured"),
            ("jobs accepted", f"{len(outcome.evidence.jobs)}"),
            *((f"  {ending}", f"{count}") for ending, count in sorted(outcome.evidence.endings().items())),
            ("provider calls", f"{outcome.calls}"),
            (f"  again, of {2 * AT_A_TIME} that may have been out", f"{len(outcome.asked_again)}"),
            ("callbacks", f"{callbacks}"),
            ("from the stop to the last taking over, seconds", f"{outcome.taken_over_seconds:.0f}"),
            ("from the last 202 to the last callback, seconds", f"{outcome.called_back_seconds:.0f}"),
        ],
        targets=[
            Target("all final, all called back under one id, only what was out is paid for again", not violations),
            Target(f"taken over within {_MOST_SECONDS:g} s", outcome.taken_over_seconds <= _MOST_SECONDS),
            *(Target(violation, met=False) for violation in violations),
        ],
    )
