"""A mixed bucket comes out whole, counted and reported, although the service is killed five times on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fault.bucket import BucketRun
from tests.pictures.bucket import bucket


@pytest.mark.timeout(300)
async def test_a_mixed_bucket_survives_five_kills(tmp_path: Path) -> None:
    outcome = await BucketRun(tmp_path, list(bucket(250))).run(kills=5)

    assert outcome.evidence.violations() == []
    assert len(outcome.evidence.out_at_kills) == 5
