"""What the processes of a fleet may begin together, in turns that each draws for itself."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from service.domain.pace import Pace, closes_at, opens_at
from service.limits.alarm import Alarm
from service.ports.limits import Draw, Turns

_AHEAD_SECONDS = 1.0  # for which as many turns are drawn as that time took lately


@dataclass(frozen=True, slots=True)
class _Turn:
    """From when to when it may be used, as `time.monotonic` tells it."""

    opens_at: float
    closes_at: float


class FleetRate:
    """Implements `service.ports.limits.Rate`: a few turns ahead, drawn anew once half of them are used.

    Turns are drawn for those that want them, and for as many as lately wanted one, so that most need not ask and hardly
    a turn is lost; a lost one makes the rate lower, never higher.

    Args:
        ask: Draws as soon as possible.
    """

    def __init__(self, name: str, pace: Pace, *, ask: Callable[[FleetRate], None], moved: Callable[[], None]) -> None:
        self.name = name
        self._pace = pace
        self._ask = ask
        self._moved = moved
        self._alarm = Alarm(moved)
        self._turns: deque[_Turn] = deque()
        self._begun: deque[float] = deque()
        self._portion = 1
        self._wanted = 0

    @property
    def ready(self) -> bool:
        """Whether one may begin now."""
        self._lose()
        return bool(self._turns) and self._turns[0].opens_at <= time.monotonic()

    def begin(self) -> None:
        """Use a turn."""
        self._turns.popleft()
        self._begun.append(time.monotonic())

    def note(self, *, wanted: int) -> None:
        """Draw turns in time, and wake those who want one when it comes."""
        self._lose()
        self._wanted = wanted
        if self.draw() is not None:
            self._ask(self)
        self._alarm.set(self._turns[0].opens_at if wanted and self._turns else None)

    def draw(self) -> Draw | None:
        """What to draw now, if anything."""
        unused = len(self._turns)
        if self._wanted <= unused or unused > self._portion // 2:
            return None
        wanted = max(self._wanted, self._lately())
        return Draw(name=self.name, per_minute=self._pace.per_minute, wanted=wanted, unused=unused)

    def take(self, turns: Turns, *, asked_at: float, answered_at: float) -> None:
        """Use what was drawn. Between those two moments was that of the answer: a turn is good from the later on."""
        *times, _ = self._pace.times(turns.first_in_seconds, turns.count)
        self._turns.extend(_Turn(answered_at + opens_at(turn), asked_at + closes_at(turn)) for turn in times)
        self._portion = turns.portion
        self._moved()

    def _lately(self) -> int:
        since = time.monotonic() - _AHEAD_SECONDS
        while self._begun and self._begun[0] < since:
            self._begun.popleft()
        return len(self._begun)

    def _lose(self) -> None:
        now = time.monotonic()
        while self._turns and self._turns[0].closes_at < now:
            self._turns.popleft()
