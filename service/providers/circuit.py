"""A circuit breaker: a provider that refused for want of money or rights is not asked again for every job.

One that asked for a pause gets it, from everybody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from service.domain.faults import SLOWING, Fault, ProviderFaultError
from service.ports.clock import Clock
from service.ports.ledger import LedgerUnavailableError
from service.ports.limits import Outage, Outages

_log = structlog.get_logger()

OPENING = frozenset({Fault.BILLING_EXHAUSTED, Fault.QUOTA_DAILY, Fault.AUTH})
"""The faults that every further call to the same account would meet."""

LONGEST_PAUSE_SECONDS = 300.0
"""No provider makes everybody wait longer; the job that it told so heeds it alone."""

_PROBE_LOOK_SECONDS = 0.5  # between looks at a probe of another process
_FRESH_SECONDS = 0.1  # for which all calls go by one look


class Circuit:
    """One provider and account. Closed, it lets everybody through; open, nobody; half open, one probe at a time.

    What it knows is where all processes that share the account see it, and no call goes by what is older than a moment.

    Args:
        outages: Where what it knows is kept, by the provider's name.
        open_seconds: How long it stays open, where the provider does not name a later moment.
        probe_seconds: How long others wait for what a probe tells; a refusal comes at once, a picture takes its time.
        lost_seconds: When a probe counts as lost that has told nothing, as its process died; no call takes so long.
    """

    def __init__(
        self,
        provider: str,
        *,
        outages: Outages,
        clock: Clock,
        open_seconds: float,
        probe_seconds: float = 120.0,
        lost_seconds: float = 600.0,
    ) -> None:
        self._provider = provider
        self._outages = outages
        self._clock = clock
        self._open_for = timedelta(seconds=open_seconds)
        self._probe_seconds = probe_seconds
        self._lost_after = timedelta(seconds=lost_seconds)
        self._outage: Outage | None = None  # as it was seen last
        self._seen_at = float("-inf")  # as `time.monotonic` tells it
        self._looking = asyncio.Lock()
        self._waiting = asyncio.Lock()
        self._told = asyncio.Event()  # by the last probe of this process

    async def check(self) -> None:
        """Wait while a probe is out, and refuse while it is open: what a probe tells decides about everybody.

        During a pause everybody is refused, too, with the rest of it as the wait: nobody need keep a place meanwhile.

        Raises:
            ProviderFaultError: the refusal that opened it, with `called` False.
            LedgerUnavailableError: nobody can tell.
        """
        await self.look()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._probe_seconds):
                while self._probing:
                    await self._look_again()
        if self._outage is not None and (self._probing or not self._due):
            raise self._repeated(self._outage)

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """Watch one call, which is the probe if the circuit is half open.

        Raises:
            ProviderFaultError: as `check`; and what the call raised.
            LedgerUnavailableError: as `check`.
        """
        probe = await self._enter()
        closes, paused_until = False, None
        try:
            yield
            closes = True
        except ProviderFaultError as fault:
            if fault.called and fault.fault in OPENING:
                await self._open(fault)
            elif fault.called and fault.fault in SLOWING and fault.retry_after_seconds:
                asked_seconds = min(fault.retry_after_seconds, LONGEST_PAUSE_SECONDS)
                paused_until = self._clock.now() + timedelta(seconds=asked_seconds)
                await self._pause(fault, paused_until)
            raise
        finally:
            if probe is not None:
                await self._told_by(probe, closes=closes, paused_until=paused_until)

    async def look(self) -> None:
        """See how it is now, as other processes may have changed it.

        Raises:
            LedgerUnavailableError: nobody can tell.
        """
        async with self._looking:
            asked_at = time.monotonic()
            if asked_at - self._seen_at >= _FRESH_SECONDS:
                self._outage = await self._outages.get(self._provider)
                self._seen_at = asked_at

    def state(self) -> Mapping[str, Any]:
        """As it was seen last: ``circuit`` is closed, open or half_open; not closed, the reason and the code beside.

        During a pause it is closed, and ``paused_until`` says when that ends.
        """
        if self._outage is None or (self._outage.is_pause and self._due):
            return {"circuit": "closed"}
        if self._outage.is_pause:
            return {"circuit": "closed", "paused_until": self._outage.open_until.isoformat()}
        return {
            "circuit": "half_open" if self._due else "open",
            "circuit_reason": self._outage.fault.value,
            "circuit_code": self._outage.code,
            "circuit_open_until": self._outage.open_until.isoformat(),
        }

    @property
    def _due(self) -> bool:
        return self._outage is not None and self._clock.now() >= self._outage.open_until

    @property
    def _probing(self) -> bool:
        lost_at = self._outage.probe_until if self._outage is not None else None
        return lost_at is not None and self._clock.now() < lost_at

    async def _look_again(self) -> None:
        """Look after a while, or once a probe of this process has told; one waits for all that do."""
        async with self._waiting:
            if self._probing:
                self._told.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_PROBE_LOOK_SECONDS):
                        await self._told.wait()
                await self.look()

    async def _enter(self) -> Outage | None:
        """Pass, as the probe if there is to be one."""
        while True:
            await self.check()
            if (outage := self._outage) is None or outage.is_pause:
                return None
            probe = replace(outage, probe_until=self._clock.now() + self._lost_after)
            if await self._outages.replace(self._provider, outage, probe):
                self._outage = probe
                return probe
            self._seen_at = float("-inf")  # another process was quicker

    async def _open(self, fault: ProviderFaultError) -> None:
        asked = timedelta(seconds=fault.retry_after_seconds or 0)
        if self._outage is None or self._outage.is_pause:
            _log.error("provider circuit opened", fault=fault.fault.value, code=fault.code)
        self._outage = _outage(fault, self._clock.now() + max(self._open_for, asked))
        with suppress(LedgerUnavailableError):  # then the next call finds out again; this fault is what matters
            await self._outages.put(self._provider, self._outage)

    async def _pause(self, fault: ProviderFaultError, until: datetime) -> None:
        """Begin a pause, or make one longer; an outage is not ended by it."""
        pause = _outage(fault, until)
        with suppress(LedgerUnavailableError):  # then the next call finds out again; this fault is what matters
            if await self._outages.pause(self._provider, pause):
                self._outage = pause
                _log.warning("provider asked for a pause", fault=fault.fault.value, until=until.isoformat())

    async def _told_by(self, probe: Outage, *, closes: bool, paused_until: datetime | None) -> None:
        """End a probe: the circuit closes, or lets the next one try; or it was opened anew meanwhile."""
        open_until = max(probe.open_until, paused_until or probe.open_until)
        after = None if closes else replace(probe, probe_until=None, open_until=open_until)
        try:
            if await self._outages.replace(self._provider, probe, after):
                self._outage = after
                if closes:
                    _log.info("provider circuit closed")
        except LedgerUnavailableError as error:
            _log.warning("what a probe told is lost, another one will try", error=str(error))
        finally:
            self._told.set()

    def _repeated(self, refusal: Outage) -> ProviderFaultError:
        rest_seconds, message = None, refusal.message
        if refusal.is_pause:
            rest_seconds = max(0.0, (refusal.open_until - self._clock.now()).total_seconds())
            message = f"{self._provider} has asked for a pause until {refusal.open_until:%H:%M:%S} UTC: {message}"
        return ProviderFaultError(
            refusal.fault,
            message,
            code=refusal.code,
            http_status=refusal.http_status,
            retry_after_seconds=rest_seconds,
            called=False,
        )


def _outage(fault: ProviderFaultError, open_until: datetime) -> Outage:
    return Outage(
        fault=fault.fault, message=fault.message, code=fault.code, http_status=fault.http_status, open_until=open_until
    )
