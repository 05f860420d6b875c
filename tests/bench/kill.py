"""kill -9 at random moments over a stream of jobs, as long as you like."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.report import Report, Target
from tests.fault.killing import KillRun


async def measure(*, kills: int, seed: int) -> Report:
    """Kill so often; every promise that was broken is printed as a missed target."""
    with TemporaryDirectory() as folder:
        outcome = await KillRun(Path(folder), seed=seed).run(kills)
    evidence = outcome.evidence
    calls = sum(map(len, evidence.calls.values()))
    callbacks = sum(map(len, evidence.callbacks.values()))
    violations = evidence.violations()
    return Report(
        title=f"kill -9 {kills} times over a stream of jobs, {outcome.seconds:.0f} s, seed {seed}",
        rows=[
            ("", "count"),
            *((f"killed {moment}", str(count)) for moment, count in sorted(outcome.kills.items())),
            ("jobs accepted", str(len(evidence.jobs))),
            *((f"  {ending}", str(count)) for ending, count in sorted(evidence.endings().items())),
            ("provider calls", str(calls)),
            ("  after an interrupted call", str(calls - len(evidence.calls))),
            ("callbacks", str(callbacks)),
            ("  repeated with the same id", str(callbacks - len(evidence.callbacks))),
        ],
        targets=[
            Target("all final, all called back under one id, nothing stored paid for again", not violations),
            *(Target(violation, met=False) for violation in violations),
        ],
    )
