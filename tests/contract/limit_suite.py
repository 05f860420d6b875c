"""What every limit is put through: a user of it that counts what it has out, and processes that share one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from service.ledger.limits import SqlLimits
from service.ledger.postgres import PostgresDatabase
from service.limits.fleet import FleetLimits
from service.limits.local import LocalLimits
from service.ports.limits import Limits
from tests.patience import PATIENCE_SECONDS, until

LEASE_SECONDS = 3.0
"""Of processes that die or sleep until it has ended."""


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class User:
    """Has as many out as it may and wants, and never gives one back of itself."""

    def __init__(self, limits: Limits, *, name: str = "calls", most: int) -> None:
        self.out = 0
        self._waiting = 0
        self._moved = asyncio.Event()
        self.limit = limits.limit(name, most=most, moved=self._fill)

    def begin(self, count: int) -> None:
        """Want so many more."""
        self._waiting += count
        self._fill()

    def end(self, count: int) -> None:
        """Let so many end that are out."""
        self.out -= count
        self._fill()

    async def out_are(self, count: int) -> None:
        """Until so many are out."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.out != count:
                self._moved.clear()
                await self._moved.wait()

    def _fill(self) -> None:
        while self._waiting and self.out < self.limit.allowed:
            self._waiting -= 1
            self.out += 1
        self._moved.set()
        self.limit.note(out=self.out, wanted=self.out + self._waiting)


async def until_limit_is(user: User, whole: int) -> None:
    """Until so many may be out of all together."""
    await until(lambda: user.limit.whole == whole)


@dataclass(frozen=True, slots=True)
class Start:
    """Between which moments something was allowed to begin and began, as `time.monotonic` tells them."""

    after: float
    before: float


class Starter:
    """Begins as soon as it may what it wants to begin, and counts how often it is called for that."""

    def __init__(self, limits: Limits, *, name: str = "starts", per_minute: int) -> None:
        self.begun: list[Start] = []
        self.calls = 0
        self._waiting = 0
        self._moved = asyncio.Event()
        self._rate = limits.rate(name, per_minute=per_minute, moved=self._called)

    def want(self, count: int) -> None:
        """Want to begin so many more."""
        self._waiting += count
        self._fill()

    async def begun_are(self, count: int) -> None:
        """Until so many have begun."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.begun) < count:
                self._moved.clear()
                await self._moved.wait()

    def _called(self) -> None:
        self.calls += 1
        self._fill()

    def _fill(self) -> None:
        while self._waiting:
            after = time.monotonic()
            if not self._rate.ready:
                break
            self._rate.begin()
            self._waiting -= 1
            self.begun.append(Start(after, before=time.monotonic()))
        self._moved.set()
        self._rate.note(wanted=self._waiting)


@asynccontextmanager
async def process(url: str, holder: str, *, lease_seconds: float = PATIENCE_SECONDS) -> AsyncIterator[FleetLimits]:
    """The limits of a fleet as one of its processes has them, with connections of its own.

    Leases outlast whatever stops the whole test for a while: processes that share its event loop sleep together.
    """
    database = PostgresDatabase(url, connections=2)
    try:
        async with FleetLimits(SqlLimits(database), holder=holder, lease_seconds=lease_seconds) as limits:
            yield limits
    finally:
        await database.close()


class LimitSuite:
    """Tests that inherit this run on every kind of limits."""

    @pytest.fixture(params=["local", "fleet"])
    async def limits(self, request: pytest.FixtureRequest) -> AsyncIterator[Limits]:
        if request.param == "local":
            yield LocalLimits(RealClock())
        else:
            url = await asyncio.to_thread(request.getfixturevalue, "postgres_url")
            async with process(url, "one") as limits:
                yield limits


def processes(url: str, count: int) -> list[AbstractAsyncContextManager[FleetLimits]]:
    """As many processes at one database."""
    return [process(url, f"process {number}") for number in range(count)]
