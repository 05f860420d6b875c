"""A mixed bucket comes out whole, counted and reported, although the service is killed on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import MakeService
from tests.fault.bucket import BucketRun
from tests.pictures.bucket import bucket
from tests.servers.service import RunningService


@pytest.mark.timeout(1800)
async def test_a_mixed_bucket_survives_kills(tmp_path: Path, make_service: MakeService) -> None:
    kills = 3 if make_service is RunningService else 1  # on Postgres each is noticed after half a minute
    outcome = await BucketRun(tmp_path, list(bucket(120)), make_service=make_service).run(kills=kills)

    assert outcome.evidence.violations() == []
    assert len(outcome.evidence.out_at_kills) == kills
