"""A circuit breaker: a provider that refused for want of money or rights is not asked again for every job."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

import structlog

from service.domain.faults import Fault, ProviderFaultError
from service.ports.clock import Clock

_log = structlog.get_logger()

OPENING = frozenset({Fault.BILLING_EXHAUSTED, Fault.QUOTA_DAILY, Fault.AUTH})
"""The faults that every further call to the same account would meet."""


class Circuit:
    """One provider and account. Closed, it lets everybody through; open, nobody; half open, one probe at a time.

    Args:
        open_seconds: How long it stays open, where the provider does not name a later moment.
        probe_seconds: How long others wait for what a probe tells; a refusal comes at once, a picture takes its time.
    """

    def __init__(self, *, clock: Clock, open_seconds: float, probe_seconds: float = 120.0) -> None:
        self._clock = clock
        self._open_for = timedelta(seconds=open_seconds)
        self._probe_seconds = probe_seconds
        self._refusal: ProviderFaultError | None = None
        self._open_until: datetime | None = None
        self._probing = False
        self._told = asyncio.Event()  # by the last probe

    async def probed(self) -> None:
        """Wait while a probe is out: what it tells decides about everybody. Not for ever: then `check` refuses."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._probe_seconds):
                while self._probing:
                    await self._told.wait()

    def check(self) -> None:
        """Refuse at once while it is open or its one probe is out.

        Raises:
            ProviderFaultError: the refusal that opened it, with `called` False.
        """
        if self._refusal is not None and (self._probing or not self._due):
            raise _repeated(self._refusal)

    @contextmanager
    def call(self) -> Iterator[None]:
        """Watch one call, which is the probe if the circuit is half open.

        Raises:
            ProviderFaultError: as `check`; and what the call raised.
        """
        self.check()
        probe = self._probing = self._refusal is not None
        if probe:
            self._told.clear()
        try:
            yield
        except ProviderFaultError as fault:
            if fault.called and fault.fault in OPENING:
                self._open(fault)
            raise
        else:
            if probe:
                self._refusal = None
                _log.info("provider circuit closed")
        finally:
            if probe:
                self._probing = False
                self._told.set()

    def state(self) -> Mapping[str, Any]:
        """How it is now: ``circuit`` is closed, open or half_open; not closed, the reason and the code stand beside."""
        if self._refusal is None:
            return {"circuit": "closed"}
        return {
            "circuit": "half_open" if self._due else "open",
            "circuit_reason": self._refusal.fault.value,
            "circuit_code": self._refusal.code,
            "circuit_open_until": self._open_until.isoformat() if self._open_until else None,
        }

    @property
    def _due(self) -> bool:
        return self._open_until is not None and self._clock.now() >= self._open_until

    def _open(self, fault: ProviderFaultError) -> None:
        asked = timedelta(seconds=fault.retry_after_seconds or 0)
        if self._refusal is None:
            _log.error("provider circuit opened", fault=fault.fault.value, code=fault.code)
        self._refusal = fault
        self._open_until = self._clock.now() + max(self._open_for, asked)


def _repeated(refusal: ProviderFaultError) -> ProviderFaultError:
    return ProviderFaultError(
        refusal.fault, refusal.message, code=refusal.code, http_status=refusal.http_status, called=False
    )
