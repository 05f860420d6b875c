"""A clock that tests move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class HandClock:
    """Implements `service.ports.clock.Clock`."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def forward(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
