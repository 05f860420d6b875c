"""What holds for the processes of a fleet together, kept in the database that they share.

Each process holds a part of every limit that it needs, on a lease, and uses it again and again without asking. What
it needs more it asks for when it needs it, in a transaction or so; what it has not used for a second it gives back.
Every second all parts are settled anew, each process getting a fair share of what all of them want.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import structlog

from service.domain.pace import Pace
from service.limits.fleet_rate import FleetRate
from service.ports.ledger import LedgerUnavailableError
from service.ports.limits import Claim, Grant, LimitLedger

_log = structlog.get_logger()


class FleetLimits:
    """Implements `service.ports.limits.Limits`; a context manager, within which parts are asked for and given back.

    Nothing new goes out on a lease that has ended, as when the database was away for longer, or this process stopped.

    Args:
        ledger: Where parts are written down.
        holder: Names this process, and no other nor an earlier one.
        beat_seconds: How often parts are settled while something is out.
        lease_seconds: For how long parts are held by a process that is not heard of.
    """

    def __init__(
        self, ledger: LimitLedger, *, holder: str, beat_seconds: float = 1.0, lease_seconds: float = 15.0
    ) -> None:
        self._ledger = ledger
        self._holder = holder
        self._beat_seconds = beat_seconds
        self._lease_seconds = lease_seconds
        self._in_use: dict[str, FleetLimit] = {}
        self._asking: set[str] = set()
        self._drawing: set[FleetRate] = set()
        self._asked = asyncio.Event()
        self._settling: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._settling = asyncio.create_task(self._settle_for_ever())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._settling is not None:
            self._settling.cancel()
            with suppress(asyncio.CancelledError):
                await self._settling
            with suppress(LedgerUnavailableError):  # then the leases end by themselves
                await self._ledger.leave(self._holder)

    def limit(self, name: str, *, most: int, moved: Callable[[], None]) -> FleetLimit:
        """This process's part of the limit of that name; nothing at first."""
        limit = self._in_use.get(name)
        if limit is None:
            limit = FleetLimit(self, name=name, most=most)
        limit.moved = moved
        return limit

    def rate(self, name: str, *, per_minute: int, moved: Callable[[], None]) -> FleetRate:
        """This process's turns of the rate of that name; none at first."""
        return FleetRate(name, Pace(per_minute), ask=self._ask_for_turns, moved=moved)

    async def level(self, name: str, *, most: int) -> float:
        """The limit of all processes."""
        return await self._ledger.level(name, most=most)

    def ask(self, limit: FleetLimit) -> None:
        """Settle a limit as soon as possible, with all that are asked for meanwhile."""
        self._in_use[limit.name] = limit
        self._asking.add(limit.name)
        self._asked.set()

    def _ask_for_turns(self, rate: FleetRate) -> None:
        self._drawing.add(rate)
        self._asked.set()

    async def _settle_for_ever(self) -> None:
        away = False
        beat_at = time.monotonic()
        while True:
            if not (self._in_use or self._drawing):
                await self._asked.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(beat_at - time.monotonic()):
                    await self._asked.wait()
            beats = time.monotonic() >= beat_at
            if beats:
                beat_at = time.monotonic() + self._beat_seconds
            try:
                await self._settle(beats=beats)
                await self._draw()
                if away:
                    _log.info("limits are shared with other processes again")
                away = False
            except Exception as error:  # noqa: BLE001 - whatever it was, those who wait rely on its being tried again
                if not away:
                    _log.warning("limits cannot be shared with other processes", error=repr(error))
                away = True
                await asyncio.sleep(self._beat_seconds)

    async def _settle(self, *, beats: bool) -> None:
        limits = [limit for name, limit in self._in_use.items() if beats or name in self._asking]
        self._asking.clear()
        self._asked.clear()
        if not limits:
            return
        asked_at = time.monotonic()
        claims = [limit.claim(anew=beats) for limit in limits]
        try:
            grants: Sequence[Grant] = await self._ledger.settle(self._holder, claims, lease_seconds=self._lease_seconds)
        except BaseException:
            for limit, claim in zip(limits, claims, strict=True):
                limit.missed(claim)
                self.ask(limit)
            raise
        for limit, claim, grant in zip(limits, claims, grants, strict=True):
            if not claim.wanted and not limit.wanted:
                del self._in_use[limit.name]
            limit.take(claim, grant, until=asked_at + self._lease_seconds)

    async def _draw(self) -> None:
        for rate in list(self._drawing):
            if (draw := rate.draw()) is not None:
                asked_at = time.monotonic()
                turns = await self._ledger.draw(self._holder, draw)
                self._drawing.discard(rate)
                rate.take(turns, asked_at=asked_at, answered_at=time.monotonic())
            else:
                self._drawing.discard(rate)


class FleetLimit:
    """Implements `service.ports.limits.Limit`: what this process holds of a limit of all."""

    def __init__(self, fleet: FleetLimits, *, name: str, most: int) -> None:
        self._fleet = fleet
        self.name = name
        self.moved: Callable[[], None] = lambda: None
        self._most = most
        self._level = float(most)
        self._allowed = self._held = 0
        self._until = 0.0  # as `time.monotonic` tells it
        self._out = self._most_out = 0
        self.wanted = 0
        self._short = False  # there was not enough for all; to be asked again with the next beat
        self._lowered = False
        self._successes = 0

    @property
    def allowed(self) -> int:
        """What this process holds, if its lease has not ended."""
        return self._allowed if time.monotonic() < self._until else 0

    @property
    def whole(self) -> int:
        """The limit of all, as it was heard of last."""
        return int(self._level)

    async def look(self) -> None:
        """Hear of the limit of all; with something out, every beat tells."""
        if not self.wanted:
            self._level = await self._fleet.level(self.name, most=self._most)

    def note(self, *, out: int, wanted: int) -> None:
        """Ask for more where that helps, and give back at once what others have a right to."""
        self._out, self.wanted = out, wanted
        self._most_out = max(self._most_out, out)
        if (wanted > self.allowed and not self._short) or self._allowed <= out < self._held:
            self._fleet.ask(self)

    def lower(self) -> None:
        """Tell all processes at once."""
        self._lowered = True
        self._fleet.ask(self)

    def succeed(self) -> None:
        """Tell all processes with the next beat."""
        if self._level < self._most:
            self._successes += 1

    def claim(self, *, anew: bool) -> Claim:
        """What to tell now; nothing is added to what is out until there is an answer."""
        claim = Claim(
            name=self.name,
            most=self._most,
            out=self._out,
            wanted=max(self.wanted, self._most_out),
            lowered=self._lowered,
            successes=self._successes,
        )
        self._lowered, self._successes = False, 0
        self._allowed = self._held = min(self._allowed, self._out)
        if anew:
            self._short = False
            self._most_out = self._out
        return claim

    def missed(self, claim: Claim) -> None:
        """Keep what the database may not have heard."""
        self._lowered |= claim.lowered
        self._successes += claim.successes

    def take(self, claim: Claim, grant: Grant, *, until: float) -> None:
        """Use what was granted."""
        self._allowed, self._held, self._level, self._until = grant.allowed, grant.held, grant.level, until
        self._short = grant.allowed < claim.wanted
        self.moved()
