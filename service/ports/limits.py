"""The seams to what holds for all processes together: how much may be out, how often, and who refuses everybody.

With one process both are kept in its memory. The processes of a fleet keep them in their database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from service.domain.faults import SLOWING, Fault


class Limit(Protocol):
    """How many of one kind may be out at a time: calls to a provider, attempts towards a receiver."""

    @property
    def allowed(self) -> int:
        """How many may be out from this process now. When it fell, those that are out already may end."""
        ...

    @property
    def whole(self) -> int:
        """How many may be out from all processes together, as it was heard of last."""
        ...

    async def look(self) -> None:
        """Hear of it where nothing is out, and so nobody tells.

        Raises:
            LedgerUnavailableError: nobody can tell.
        """
        ...

    def note(self, *, out: int, wanted: int) -> None:
        """Tell how many are out from this process and how many it could use, whenever that has changed."""
        ...

    def lower(self) -> None:
        """Note a complaint that there are too many. Others that follow at once are taken for the same one."""
        ...

    def succeed(self) -> None:
        """Note that one ended well, which raises a limit that was lowered."""
        ...


class Rate(Protocol):
    """How often something may begin, as `service.domain.pace` has it."""

    @property
    def ready(self) -> bool:
        """Whether one may begin now."""
        ...

    def begin(self) -> None:
        """Note that one begins now, when it is ready."""
        ...

    def note(self, *, wanted: int) -> None:
        """Tell how many would begin now if they might, whenever that has changed."""
        ...


class Limits(Protocol):
    """Where limits are kept."""

    def limit(self, name: str, *, most: int, moved: Callable[[], None]) -> Limit:
        """The limit of that name.

        Args:
            most: What it is at first, and the highest that it returns to.
            moved: Called when more may be allowed than before, on the event loop.
        """
        ...

    def rate(self, name: str, *, per_minute: int, moved: Callable[[], None]) -> Rate:
        """The rate of that name.

        Args:
            moved: Called when one that was wanted may begin, on the event loop.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one process tells of one limit.

    Attributes:
        out: How many are out from it, which counts whatever is allowed.
        wanted: How many it could use, at least `out`.
        lowered: Whether there was a complaint since the last claim.
        successes: How many ended well since the last claim.
    """

    name: str
    most: int
    out: int
    wanted: int
    lowered: bool = False
    successes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one process may have of one limit until its lease ends.

    Attributes:
        allowed: How many may be out from it.
        held: How many are counted as out from it: as many, or more where more are out already.
        level: The limit of all processes together.
    """

    allowed: int
    held: int
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What one process wants of one rate.

    Attributes:
        wanted: How many would begin now if they might.
        unused: How many turns it still has for them.
    """

    name: str
    per_minute: int
    wanted: int
    unused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Turns that nobody else has, as `service.domain.pace.Pace` spaces them.

    Attributes:
        first_in_seconds: The time of the first, seen from the moment of the answer.
        portion: How many a process has at most now, those that it had before included.
    """

    first_in_seconds: float
    count: int
    portion: int


class LimitLedger(Protocol):
    """Where the processes of a fleet write down what they hold. Methods raise `LedgerUnavailableError`."""

    async def settle(self, holder: str, claims: Sequence[Claim], *, lease_seconds: float) -> Sequence[Grant]:
        """Answer claims in their order, each name once; what is held of all together never grows above a limit."""
        ...

    async def level(self, name: str, *, most: int) -> float:
        """How many may be out of one limit from all together."""
        ...

    async def draw(self, holder: str, draw: Draw) -> Turns:
        """Give a process the next turns of a rate, a fair part of what all want of the next few seconds."""
        ...

    async def leave(self, holder: str) -> None:
        """Give back all that a process holds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Why a provider is asked by nobody now; after a pause that it asked for, by everybody again.

    Attributes:
        message: The provider's, safe to show to callers.
        probe_until: When the one call that tries whether it is over counts as lost; None while there is none.
    """

    fault: Fault
    message: str
    code: str | None
    http_status: int | None
    open_until: datetime
    probe_until: datetime | None = None

    @property
    def is_pause(self) -> bool:
        """Whether it is over at `open_until`, without a call that tries."""
        return self.fault in SLOWING


class Outages(Protocol):
    """Where the outages of providers are kept, by the provider's name. Methods raise `LedgerUnavailableError`."""

    async def get(self, provider: str) -> Outage | None:
        """The outage, if there is one."""
        ...

    async def put(self, provider: str, outage: Outage) -> None:
        """Begin an outage, in place of one that there may be."""
        ...

    async def pause(self, provider: str, pause: Outage) -> bool:
        """Begin a pause, unless there is one that ends later, or an outage that is none; then False."""
        ...

    async def replace(self, provider: str, known: Outage, new: Outage | None) -> bool:
        """Change an outage, or end it with None, unless it is not the known one any more; then False."""
        ...
