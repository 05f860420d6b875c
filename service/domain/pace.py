"""How often something may begin: the generic cell rate algorithm, by virtual scheduling (ITU-T I.371, annex A).

Turns have theoretical times, an interval apart. A turn may be used a little before its time, which lets a few begin at
once after a rest, and a little after it, so that several processes can draw turns ahead and use each in its own time.
Whoever draws them in whatever portions, no minute holds more than the rate allows: of turns that are used within a
minute, the last one's time and the first one's are less than a minute apart, `EARLY_SECONDS` and `LATE_SECONDS` added.
"""

from __future__ import annotations

from dataclasses import dataclass

EARLY_SECONDS = 2.0
"""How long before its time a turn may be used: the tolerance of the algorithm, and so the burst after a rest."""

LATE_SECONDS = 1.0
"""How long after its time a turn may be used; then it is lost."""

_MINUTE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """A rate, as turns are drawn from it. Moments are seconds of whatever clock the caller goes by.

    Attributes:
        per_minute: How many may begin within any minute, which begins with one of them.
    """

    per_minute: int

    @property
    def interval_seconds(self) -> float:
        """From the time of a turn to that of the next."""
        return (_MINUTE_SECONDS + EARLY_SECONDS + LATE_SECONDS) / self.per_minute

    @property
    def portion(self) -> int:
        """How many turns are worth drawing ahead: those of as long as a turn is good for."""
        return max(1, int((EARLY_SECONDS + LATE_SECONDS) / self.interval_seconds))

    def first(self, next_at: float, *, now: float) -> float:
        """The time of the next turn that is drawn; nobody saves turns up.

        Args:
            next_at: As the one who drew last left it.
        """
        return max(next_at, now)

    def times(self, first_at: float, count: int) -> tuple[float, ...]:
        """The times of so many turns, and as the last one what to leave to the one who draws next."""
        return tuple(first_at + number * self.interval_seconds for number in range(count + 1))


def opens_at(turn_at: float) -> float:
    """From when on a turn may be used."""
    return turn_at - EARLY_SECONDS


def closes_at(turn_at: float) -> float:
    """When a turn is lost."""
    return turn_at + LATE_SECONDS
