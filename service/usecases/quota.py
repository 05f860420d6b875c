"""How many unfinished jobs a tenant may have."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.refusals import RefusalCode, RefusedError
from service.ports.clock import Clock
from service.ports.ledger import Ledger

_FRESH = timedelta(seconds=1)
_RETRY_AFTER_SECONDS = 5


@dataclass(slots=True)
class _Count:
    unfinished: int
    counted_at: datetime


class Quota:
    """Admits jobs up to a number per tenant.

    The ledger is asked at most once a second and tenant; in between, what was admitted is added. Far below the limit
    nobody waits for that answer: it is for the next one. The limit protects the disk and the waiting time of others,
    so a second's error is of no consequence.
    """

    def __init__(self, *, ledger: Ledger, clock: Clock, max_unfinished: int) -> None:
        self._ledger = ledger
        self._clock = clock
        self._max_unfinished = max_unfinished
        self._counts: dict[str, _Count] = {}
        self._counting: dict[str, asyncio.Task[None]] = {}

    async def admit(self, tenant: str) -> None:
        """Count one more job.

        Raises:
            RefusedError: with the code ``queue_full``, to be tried again later.
        """
        count = self._counts.get(tenant)
        if count is None or self._clock.now() - count.counted_at > _FRESH:
            counting = self._count(tenant)
            if count is None or count.unfinished >= self._max_unfinished / 2:
                await counting
                count = self._counts[tenant]
        if count.unfinished >= self._max_unfinished:
            raise RefusedError(
                RefusalCode.QUEUE_FULL,
                f"{self._max_unfinished} jobs are unfinished already, no more are accepted now",
                retryable=True,
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        count.unfinished += 1

    def _count(self, tenant: str) -> asyncio.Task[None]:
        """Ask the ledger; who asks meanwhile shares the answer."""
        if tenant not in self._counting:

            async def ask() -> None:
                try:
                    unfinished = await self._ledger.unfinished_count(tenant)
                    self._counts[tenant] = _Count(unfinished, self._clock.now())
                finally:
                    del self._counting[tenant]

            self._counting[tenant] = asyncio.get_running_loop().create_task(ask())
            self._counting[tenant].add_done_callback(_seen)
        return self._counting[tenant]


def _seen(counting: asyncio.Task[None]) -> None:
    """A fault is raised to those who wait; where nobody does, the next one asks anew."""
    if not counting.cancelled():
        counting.exception()
