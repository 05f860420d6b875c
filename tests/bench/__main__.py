"""``scripts/bench``: everything with short runs, or one measurement with its own options."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

import click
import uvloop

from tests.bench import accept, idle, kill, waiting
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
    """Measure the service beside a stand-in of the predecessor's design, in one run."""
    if context.invoked_subcommand is None:
        _take(
            accept.measure(rounds=3, requests=300),
            idle.measure(samples=30),
            waiting.measure(jobs=1000, provider_seconds=10),
            kill.measure(kills=20, seed=1),
        )


@main.command("accept")
@click.option("--rounds", default=5, show_default=True)
@click.option("--requests", default=400, show_default=True, help="202s a round.")
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


if __name__ == "__main__":
    main()
