"""What holds for the one process there is, in its memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from service.domain.limits import COMPLAINT_SECONDS, lowered, raised
from service.domain.pace import Pace, opens_at
from service.limits.alarm import Alarm
from service.ports.clock import Clock
from service.ports.limits import Outage


class LocalLimits:
    """Implements `service.ports.limits.Limits` for one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def limit(self, name: str, *, most: int, moved: Callable[[], None]) -> LocalLimit:
        """A limit of its own; nobody else moves it."""
        del name, moved
        return LocalLimit(most=most, clock=self._clock)

    def rate(self, name: str, *, per_minute: int, moved: Callable[[], None]) -> LocalRate:
        """A rate of its own; nobody else draws from it."""
        del name
        return LocalRate(Pace(per_minute), moved=moved)


class LocalLimit:
    """Implements `service.ports.limits.Limit`."""

    def __init__(self, *, most: int, clock: Clock) -> None:
        self._most = most
        self._level = float(most)
        self._clock = clock
        self._lowered_at: datetime | None = None

    @property
    def allowed(self) -> int:
        """All of it."""
        return int(self._level)

    @property
    def whole(self) -> int:
        """How many may be out."""
        return int(self._level)

    async def look(self) -> None:
        """Nobody else moves it."""

    def note(self, *, out: int, wanted: int) -> None:
        """Nobody else asks for it."""

    def lower(self) -> None:
        """Halve it."""
        now = self._clock.now()
        if self._lowered_at is None or now - self._lowered_at >= timedelta(seconds=COMPLAINT_SECONDS):
            self._lowered_at = now
            self._level = lowered(self._level)

    def succeed(self) -> None:
        """Raise it by a part of a step."""
        self._level = raised(self._level, most=self._most)


class LocalRate:
    """Implements `service.ports.limits.Rate`: draws each turn when it is used."""

    def __init__(self, pace: Pace, *, moved: Callable[[], None]) -> None:
        self._pace = pace
        self._next_at = float("-inf")  # as `time.monotonic` tells it
        self._alarm = Alarm(moved)

    @property
    def ready(self) -> bool:
        """Whether one may begin now."""
        return time.monotonic() >= opens_at(self._next_at)

    def begin(self) -> None:
        """Use the next turn."""
        first_at = self._pace.first(self._next_at, now=time.monotonic())
        self._next_at = self._pace.times(first_at, 1)[-1]

    def note(self, *, wanted: int) -> None:
        """Wake those who want a turn when it comes."""
        self._alarm.set(None if not wanted or self.ready else opens_at(self._next_at))


class LocalOutages:
    """Implements `service.ports.limits.Outages`."""

    def __init__(self) -> None:
        self._outages: dict[str, Outage] = {}

    async def get(self, provider: str) -> Outage | None:
        """The outage, if there is one."""
        return self._outages.get(provider)

    async def put(self, provider: str, outage: Outage) -> None:
        """Begin an outage."""
        self._outages[provider] = outage

    async def pause(self, provider: str, pause: Outage) -> bool:
        """Begin a pause, unless there is something stronger."""
        known = self._outages.get(provider)
        if known is not None and not (known.is_pause and known.open_until < pause.open_until):
            return False
        self._outages[provider] = pause
        return True

    async def replace(self, provider: str, known: Outage, new: Outage | None) -> bool:
        """Change an outage, or end it."""
        if self._outages.get(provider) != known:
            return False
        if new is None:
            del self._outages[provider]
        else:
            self._outages[provider] = new
        return True
