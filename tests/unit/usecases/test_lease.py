from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.domain.jobs import JobStatus
from service.ports.ledger import LeaseLostError
from service.usecases.lease import Lease
from tests.contract.ledger_suite import NOW, LedgerHome, a_failure, an_attempt, sqlite_home


class LeapingClock:
    """The system's time, and what it has leaped ahead since."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[LedgerHome]:
    async with sqlite_home(tmp_path) as home:
        yield home


async def test_who_did_not_stand_still_is_not_asked_again(home: LedgerHome) -> None:
    job = await home.begun()
    lease = Lease(job, ledger=home.ledger, clock=LeapingClock())
    await lease.confirmed_by(home.ledger.begin_attempt(job, an_attempt()))
    await home.ledger.begin(job.id, now=NOW)
    await lease.check()


async def test_who_stood_still_finds_that_another_has_the_job(home: LedgerHome) -> None:
    job, clock = await home.begun(), LeapingClock()
    lease = Lease(job, ledger=home.ledger, clock=clock)
    await lease.confirmed_by(home.ledger.begin_attempt(job, an_attempt()))
    clock.ahead = timedelta(seconds=6)
    await lease.check()
    clock.ahead = timedelta(seconds=12)
    await home.ledger.begin(job.id, now=NOW)
    with pytest.raises(LeaseLostError):
        await lease.check()


async def test_who_stood_still_while_a_confirmation_was_out_asks_once_more(home: LedgerHome) -> None:
    job, clock = await home.begun(), LeapingClock()
    lease = Lease(job, ledger=home.ledger, clock=clock)

    async def slow() -> None:
        await home.ledger.begin_attempt(job, an_attempt())
        await home.ledger.begin(job.id, now=NOW)
        clock.ahead = timedelta(minutes=1)

    await lease.confirmed_by(slow())
    with pytest.raises(LeaseLostError):
        await lease.check()


async def test_what_nobody_confirmed_yet_is_asked_for(home: LedgerHome) -> None:
    job = await home.begun()
    await Lease(job, ledger=home.ledger, clock=LeapingClock()).check()
    await home.ledger.finish(job, a_failure(status=JobStatus.CANCELED), None)
    with pytest.raises(LeaseLostError):
        await Lease(job, ledger=home.ledger, clock=LeapingClock()).check()
