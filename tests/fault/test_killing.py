"""kill -9 at any moment loses nothing that was accepted and pays for nothing twice that was stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fault.killing import KillRun


@pytest.mark.timeout(240)
async def test_a_stream_of_jobs_survives_being_killed_at_random_moments(tmp_path: Path) -> None:
    outcome = await KillRun(tmp_path, seed=7).run(kills=12)

    assert outcome.evidence.violations() == []
    assert outcome.kills.total() == 12
    assert len(outcome.evidence.stored_after) > 12
