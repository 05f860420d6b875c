"""How long to wait after failures in a row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

_MOST_DOUBLINGS = 32  # beyond that every longest wait is reached


@dataclass(frozen=True, slots=True)
class Backoff:
    """The waits after a handler has failed in a row: the first, each later one twice as long, up to the longest."""

    first_seconds: float
    longest_seconds: float

    def wait(self, failures: int) -> timedelta:
        """The wait after so many failures in a row."""
        doublings = min(failures - 1, _MOST_DOUBLINGS)
        return timedelta(seconds=min(self.first_seconds * 2**doublings, self.longest_seconds))
