"""How many calls to a provider each tenant may have out, so that nobody takes all that there are."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from service.ports.limits import Limit, Limits

_GUESSED_SECONDS = 1.0  # of a call, before the first has ended
_HASTE = 0.75
_LONGEST_BOOKING_SECONDS = 600.0
_WEIGHT = 0.1  # of the latest call in what a call typically takes


class Tenants:
    """A limit for every tenant of its own; one that has nothing to do takes no memory.

    Args:
        name: What the limits are on.
        most: How many calls one may have out. None: any number, and tenants are not told apart.
        limits: Where the limits are kept.
        moved: Called when one may have more out than before.
    """

    def __init__(self, name: str, *, most: int | None, limits: Limits, moved: Callable[[], None]) -> None:
        self._name = name
        self.most = most
        self._limits = limits
        self._moved = moved
        self._tenants: dict[str, _Tenant] = {}
        self._typical_seconds: float | None = None

    def room(self, tenant: str | None) -> int:
        """How many more a tenant may have out now."""
        if tenant is None or tenant not in self._tenants:
            return sys.maxsize
        found = self._tenants[tenant]
        return max(0, found.limit.allowed - found.out)

    def moved(self, tenant: str | None, *, waiting: int = 0, out: int = 0) -> None:
        """Note that so many more, or less, of a tenant wait or are out."""
        if tenant is None or self.most is None:
            return
        found = self._tenants.get(tenant)
        if found is None:
            limit = self._limits.limit(f"{self._name} of {tenant}", most=self.most, moved=self._moved)
            found = self._tenants[tenant] = _Tenant(limit)
        found.waiting += waiting
        found.out += out
        found.limit.note(out=found.out, wanted=found.out + found.waiting)
        if not found.waiting and not found.out:
            del self._tenants[tenant]

    def lasted(self, seconds: float) -> None:
        """Learn what a call takes."""
        typical = seconds if self._typical_seconds is None else self._typical_seconds
        self._typical_seconds = typical + _WEIGHT * (seconds - typical)

    def book(self, tenant: str | None, *, waiting: int) -> float | None:
        """In how many seconds one more had better come again; None when it may as well wait here.

        Those that wait here keep a worker's place each. A few of them see to it that nothing stands still; the others
        get an appointment each, a little closer to each other than calls typically end.

        Args:
            waiting: How many of the tenant keep such a place already.
        """
        if tenant is None or self.most is None or (found := self._tenants.get(tenant)) is None:
            return None
        if found.out + waiting < self.most + max(1, self.most // 4):
            return None
        now = time.monotonic()
        typical = _GUESSED_SECONDS if self._typical_seconds is None else self._typical_seconds
        spacing_seconds = _HASTE * typical / max(1, found.limit.allowed)
        found.booked_until = min(max(found.booked_until, now) + spacing_seconds, now + _LONGEST_BOOKING_SECONDS)
        return found.booked_until - now


class _Tenant:
    """What one has out, and who of it waits."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.out = self.waiting = 0
        self.booked_until = 0.0
