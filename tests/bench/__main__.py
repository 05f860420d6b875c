"""``scripts/bench``: everything with short runs, or one measurement with its own options."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

import click
import uvloop

from tests.bench import accept, batch, bucket, fleet, idle, kill, large, million, queue, waiting
from tests.bench.report import Report


def _take(*measurements: Coroutine[Any, Any, Report]) -> None:
    """Take measurements one after the other; exit with 1 when a target was missed."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        met = True
        for measurement in measurements:
            report = runner.run(measurement)
            report.show()
            met = met and report.met
    sys.exit(0 if met else 1)


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Measure the service beside a stand-in of the predecessor's design, batches against their ideal, and fleets."""
    if context.invoked_subcommand is None:
        _take(
            accept.measure(rounds=3, requests=300),
            idle.measure(samples=30),
            waiting.measure(jobs=1000, provider_seconds=10),
            kill.measure(kills=20, seed=1),
            batch.measure(items=2000, concurrency=50, provider_seconds=1, stores=["folder", "s3"]),
            large.measure(few=200, many=2000, concurrency=50, provider_seconds=1),
            bucket.measure(objects=250, kills=5, seed=1),
            fleet.measure(jobs=300, apis=3, workers=3),
            queue.measure(jobs=2000, processes=2, concurrency=16, samples=30, rounds=3),
            million.measure(few=10_000, many=100_000, samples=100, kinds=["postgres", "sqlite"]),
        )


@main.command("accept")
@click.option("--rounds", default=5, show_default=True)
@click.option("--requests", default=800, show_default=True, help="202s a round.")
def _accept(rounds: int, requests: int) -> None:
    """202s a second with 1 MB pictures."""
    _take(accept.measure(rounds=rounds, requests=requests))


@main.command("idle")
@click.option("--samples", default=60, show_default=True)
def _idle(samples: int) -> None:
    """Time from request to callback of one job alone."""
    _take(idle.measure(samples=samples))


@main.command("waiting")
@click.option("--jobs", default=1000, show_default=True)
@click.option("--provider-seconds", default=10.0, show_default=True)
def _waiting(jobs: int, provider_seconds: float) -> None:
    """Many jobs waiting on a slow provider at once."""
    _take(waiting.measure(jobs=jobs, provider_seconds=provider_seconds))


@main.command("kill")
@click.option("--kills", default=200, show_default=True)
@click.option("--seed", default=1, show_default=True)
def _kill(kills: int, seed: int) -> None:
    """kill -9 at random moments; nothing accepted may be lost."""
    _take(kill.measure(kills=kills, seed=seed))


@main.command("batch")
@click.option("--items", default=2000, show_default=True)
@click.option("--concurrency", default=50, show_default=True)
@click.option("--provider-seconds", default=1.0, show_default=True)
@click.option("--store", "stores", type=click.Choice(["folder", "s3"]), multiple=True, default=["folder", "s3"])
def _batch(items: int, concurrency: int, provider_seconds: float, stores: tuple[str, ...]) -> None:
    """A batch against its ideal, on the folder and on an S3 server."""
    _take(batch.measure(items=items, concurrency=concurrency, provider_seconds=provider_seconds, stores=stores))


@main.command("large")
@click.option("--few", default=200, show_default=True)
@click.option("--many", default=20_000, show_default=True)
@click.option("--concurrency", default=50, show_default=True)
@click.option("--provider-seconds", default=1.0, show_default=True)
def _large(few: int, many: int, concurrency: int, provider_seconds: float) -> None:
    """Memory of a small and a large batch, and single jobs beside them."""
    _take(large.measure(few=few, many=many, concurrency=concurrency, provider_seconds=provider_seconds))


@main.command("bucket")
@click.option("--objects", default=2500, show_default=True)
@click.option("--kills", default=5, show_default=True)
@click.option("--seed", default=1, show_default=True)
def _bucket(objects: int, kills: int, seed: int) -> None:
    """A mixed bucket, with and without kill -9; counts, outputs and report must be the same."""
    _take(bucket.measure(objects=objects, kills=kills, seed=seed))


@main.command("fleet")
@click.option("--jobs", default=600, show_default=True)
@click.option("--apis", default=3, show_default=True)
@click.option("--workers", default=3, show_default=True)
def _fleet(jobs: int, apis: int, workers: int) -> None:
    """Processes on one Postgres: one worker killed, another stopped for longer than it may be silent."""
    _take(fleet.measure(jobs=jobs, apis=apis, workers=workers))


@main.command("queue")
@click.option("--jobs", default=4000, show_default=True, help="Jobs a round.")
@click.option("--processes", default=2, show_default=True)
@click.option("--concurrency", default=16, show_default=True, help="Jobs at a time in each process.")
@click.option("--samples", default=60, show_default=True, help="Jobs alone, a round.")
@click.option("--rounds", default=5, show_default=True)
def _queue(jobs: int, processes: int, concurrency: int, samples: int, rounds: int) -> None:
    """Short jobs on Postgres beside a plain Procrastinate task."""
    _take(queue.measure(jobs=jobs, processes=processes, concurrency=concurrency, samples=samples, rounds=rounds))


@main.command("million")
@click.option("--few", default=10_000, show_default=True)
@click.option("--many", default=1_000_000, show_default=True)
@click.option("--samples", default=300, show_default=True)
@click.option("--on", "kinds", type=click.Choice(["postgres", "sqlite"]), multiple=True, default=["postgres", "sqlite"])
def _million(few: int, many: int, samples: int, kinds: tuple[str, ...]) -> None:
    """What a job costs when the ledger is small, and when it is large."""
    _take(million.measure(few=few, many=many, samples=samples, kinds=kinds))


if __name__ == "__main__":
    main()
