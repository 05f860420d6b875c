"""Every measurement runs and says what it measured; how fast anything is, is not asked here."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest

from tests.bench import accept, batch, idle, large, million, queue, waiting
from tests.bench.pictures import photograph
from tests.bench.report import Report, Target


@pytest.mark.parametrize(
    ("measurement", "figures"),
    [
        (lambda: accept.measure(rounds=1, requests=8), {"service, durable", "stand-in, in memory", "ratio"}),
        (lambda: idle.measure(samples=2), {"service, request to callback", "stand-in, request to callback", "ratio"}),
        (lambda: waiting.measure(jobs=20, provider_seconds=1), {"last 202 to last callback, seconds"}),
        (
            lambda: batch.measure(items=12, concurrency=4, provider_seconds=0.1, stores=["folder", "s3"]),
            {"request to callback, seconds", "ratio", "CPU per picture, milliseconds"},
        ),
        (
            lambda: large.measure(few=4, many=12, concurrency=2, provider_seconds=0.1, idle_jobs=3),
            {"request to callback, seconds", "most memory, MiB"},
        ),
        (
            lambda: queue.measure(jobs=20, processes=2, concurrency=4, samples=2, rounds=1),
            {"jobs a second", "one job alone, milliseconds"},
        ),
        (
            lambda: million.measure(few=60, many=120, samples=2, kinds=["postgres", "sqlite"]),
            {"postgres: accept", "postgres: claim", "sqlite: get", "sqlite: list, newest"},
        ),
    ],
    ids=["accept", "idle", "waiting", "batch", "large", "queue", "million"],
)
async def test_a_measurement_gives_its_figures(measurement: Any, figures: set[str]) -> None:
    taking: Coroutine[Any, Any, Report] = measurement()
    report = await taking

    measured = {row[0]: row[1] for row in report.rows[1:]}
    assert figures <= measured.keys()
    assert all(float(measured[name]) > 0 for name in figures)
    assert report.targets


def test_a_missed_target_is_printed_and_fails_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(title="Title", rows=[("a", "b"), ("c", "1")], targets=[Target("fast", met=False)])

    report.show()

    assert not report.met
    assert "MISSED  fast" in capsys.readouterr().out


def test_percentile_is_read_off_what_was_added_between_two_readings() -> None:
    before = {0.01: 100.0, 0.1: 100.0, float("inf"): 100.0}
    after = {0.01: 198.0, 0.1: 200.0, float("inf"): 200.0}

    assert waiting.percentile(before, after, 0.99) == pytest.approx(0.055)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_photographs_have_about_the_wanted_size(kind: Any) -> None:
    assert len(photograph(100_000, side=512, kind=kind)) == pytest.approx(100_000, rel=0.2)
