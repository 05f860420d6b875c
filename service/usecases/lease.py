"""Leases: nothing that costs is begun by a run that may have lost its job without having noticed."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from datetime import datetime

from service.domain.jobs import Job
from service.ports.clock import Clock
from service.ports.ledger import Ledger

_FRESH_SECONDS = 5.0
"""For so long a confirmation holds: nobody takes over, or ends a job past its worker, after so short a silence."""

_GOES_ON_WHILE_SUSPENDED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Lease:
    """What a run knows of its hold on a job: that the ledger confirmed it, and how long ago.

    A process may be stopped, or its host suspended, between any two of its steps, and go on when its work has long
    been taken over. So its hold is looked at right before what cannot be undone, by clocks that go on meanwhile.
    """

    def __init__(self, job: Job, *, ledger: Ledger, clock: Clock) -> None:
        self._job = job
        self._ledger = ledger
        self._clock = clock
        self._confirmed: tuple[float, datetime] | None = None

    async def confirmed_by(self, write: Awaitable[None]) -> None:
        """Make a write that is refused unless the job is held: it was so when the write began."""
        began = self._now()
        await write
        self._confirmed = began

    async def check(self) -> None:
        """Return only while the job is known to be held; costs nothing where that was confirmed just now.

        Raises:
            LeaseLostError: another worker has taken the job, or it has ended.
            LedgerUnavailableError: nobody can tell.
        """
        while not self._fresh():
            await self.confirmed_by(self._ledger.confirm(self._job))

    def _fresh(self) -> bool:
        if self._confirmed is None:
            return False
        (ticks, moment), (ticks_now, moment_now) = self._confirmed, self._now()
        # The one stands still with some virtual machines, the other one is set now and then.
        return max(ticks_now - ticks, (moment_now - moment).total_seconds()) < _FRESH_SECONDS

    def _now(self) -> tuple[float, datetime]:
        return time.clock_gettime(_GOES_ON_WHILE_SUSPENDED), self._clock.now()
