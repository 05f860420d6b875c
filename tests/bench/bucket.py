"""A mixed bucket on a store that checks signatures: edited in peace, and edited while the service is killed."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.report import Report, Target
from tests.fault.bucket import BucketOutcome, BucketRun
from tests.pictures.bucket import Kind, bucket


async def measure(*, objects: int, kills: int, seed: int) -> Report:
    """Both, one after the other; every promise that was broken is printed as a missed target."""
    entries = list(bucket(objects))
    outcomes: list[BucketOutcome] = []
    for number in (0, kills):
        with TemporaryDirectory() as folder:
            outcomes.append(await BucketRun(Path(folder), entries, seed=seed).run(kills=number))
    peaceful, killed = (outcome.evidence for outcome in outcomes)
    violations = [f"{kills} kills: {violation}" for violation in killed.violations()]
    violations = [f"no kill: {violation}" for violation in peaceful.violations()] + violations
    megabytes = sum(len(entry.data) for entry in entries) / 1e6
    return Report(
        title=f"A bucket of {objects} objects and {megabytes:.0f} MB, kill -9 {kills} times, seed {seed}",
        rows=[
            ("", "no kill", f"{kills} kills"),
            ("seconds", *(f"{outcome.seconds:.0f}" for outcome in outcomes)),
            *(
                (f"  {kind.name.lower()}", *[str(peaceful.count(kind))] * 2)
                for kind in (Kind.PICTURE, Kind.DAMAGED, Kind.OTHER)
            ),
            ("outputs stored", *(str(len(outcome.evidence.outputs)) for outcome in outcomes)),
            ("provider calls", *(str(outcome.evidence.calls) for outcome in outcomes)),
            ("  out at the kills", "0", str(sum(killed.out_at_kills))),
        ],
        targets=[
            Target("counts exact, every object in one part of the report, outputs whole and apart", not violations),
            Target("the same result of every object", peaceful.results == killed.results),
            *(Target(violation, met=False) for violation in violations),
        ],
    )
