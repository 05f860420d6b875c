"""kill -9 at any moment loses nothing that was accepted and pays for nothing twice that was stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fault.killing import KillRun
from tests.integration.scene import Engine


@pytest.mark.parametrize(("engine", "kills"), [(Engine.EMBEDDED, 8), (Engine.POSTGRES, 6)])
async def test_a_stream_of_jobs_survives_being_killed_at_random_moments(
    tmp_path: Path, request: pytest.FixtureRequest, engine: Engine, kills: int
) -> None:
    url: str | None = request.getfixturevalue("fleet_url") if engine is Engine.POSTGRES else None
    outcome = await KillRun(tmp_path, url=url, seed=7).run(kills)

    assert outcome.evidence.violations() == []
    assert outcome.kills.total() == kills
    assert len(outcome.evidence.stored_after) > kills
