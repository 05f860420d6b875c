from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from service.domain.refusals import RefusedError
from service.ports.ledger import Ledger
from service.usecases.quota import Quota


class Unfinished:
    """A ledger that knows one number."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked = 0

    async def unfinished_count(self, _tenant: str) -> int:
        self.asked += 1
        return self.count


class Clock:
    moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


async def test_jobs_are_admitted_up_to_the_limit_and_again_once_some_have_ended() -> None:
    ledger, clock = Unfinished(1), Clock()
    quota = Quota(ledger=cast("Ledger", ledger), clock=clock, max_unfinished=3)
    await quota.admit("a")
    await quota.admit("a")
    with pytest.raises(RefusedError) as refused:
        await quota.admit("a")
    assert (refused.value.code, refused.value.retryable) == ("queue_full", True)
    assert ledger.asked == 1, "the ledger is not asked for every job"
    await quota.admit("b")
    clock.moment += timedelta(seconds=2)
    await quota.admit("a")
    assert ledger.asked == 3


async def test_far_below_the_limit_nobody_waits_for_the_ledger() -> None:
    ledger, clock = Unfinished(0), Clock()
    quota = Quota(ledger=cast("Ledger", ledger), clock=clock, max_unfinished=10)
    await quota.admit("a")
    clock.moment += timedelta(seconds=2)
    ledger.count = 10
    await quota.admit("a")
    assert ledger.asked == 1, "asked for the next one, not for this"
    await asyncio.sleep(0)
    with pytest.raises(RefusedError):
        await quota.admit("a")
    assert ledger.asked == 2
