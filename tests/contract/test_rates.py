"""Every rate: nothing begins more often than it allows, from one process or from all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack
from itertools import chain

import pytest

from service.domain.pace import EARLY_SECONDS, LATE_SECONDS, Pace
from service.ledger.limits import SqlLimits
from service.ledger.postgres import PostgresDatabase
from service.limits.fleet import FleetLimits
from service.ports.limits import Draw, Limits, Turns
from tests.contract.limit_suite import LimitSuite, Starter, process, processes
from tests.servers.postgres import PostgresServer


def keep_to(per_minute: int, begun: Iterable[float]) -> bool:
    """Whether so many in so short a time are what `service.domain.pace` promises for a minute."""
    ordered, pace = sorted(begun), Pace(per_minute)
    least_seconds = [number * pace.interval_seconds - EARLY_SECONDS - LATE_SECONDS for number in range(len(ordered))]
    return all(
        at - ordered[first] >= least_seconds[number]
        for first in range(len(ordered))
        for number, at in enumerate(ordered[first:])
    )


class CountingLimits(SqlLimits):
    """Counts how often turns are drawn."""

    draws = 0

    async def draw(self, holder: str, draw: Draw) -> Turns:
        self.draws += 1
        return await super().draw(holder, draw)


class TestEveryRate(LimitSuite):
    async def test_a_few_begin_at_once_and_then_one_after_the_other(self, limits: Limits) -> None:
        starter = Starter(limits, per_minute=1200)
        starter.want(80)
        await starter.begun_are(80)
        assert keep_to(1200, starter.begun)
        assert starter.begun[-1] - starter.begun[0] >= 80 * Pace(1200).interval_seconds - EARLY_SECONDS - LATE_SECONDS

    async def test_a_low_rate_lets_the_next_one_wait(self, limits: Limits) -> None:
        starter = Starter(limits, per_minute=1)
        starter.want(2)
        await starter.begun_are(1)
        await asyncio.sleep(0.5)
        assert len(starter.begun) == 1

    async def test_rates_of_other_names_are_others(self, limits: Limits) -> None:
        for name in ("a", "b"):
            starter = Starter(limits, name=name, per_minute=1)
            starter.want(2)
            await starter.begun_are(1)

    async def test_who_wants_nothing_any_more_is_not_called(self, limits: Limits) -> None:
        starter = Starter(limits, per_minute=120)
        starter.want(5)
        await starter.begun_are(1)
        starter.want(-5 + len(starter.begun))
        begun = len(starter.begun)
        await asyncio.sleep(1)
        assert len(starter.begun) == begun


class TestSharing:
    @pytest.fixture
    async def fleet(self, postgres_url: str) -> AsyncIterator[Sequence[FleetLimits]]:
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(one) for one in processes(postgres_url, 3)]

    async def test_all_together_begin_no_more_often_than_it_allows(self, fleet: Sequence[FleetLimits]) -> None:
        starters = [Starter(limits, per_minute=1200) for limits in fleet]
        for _ in range(10):
            for number, starter in enumerate(starters):
                starter.want(2 * number + 1)
            await asyncio.sleep(0.1)
        for number, starter in enumerate(starters):
            await starter.begun_are(10 * (2 * number + 1))
        assert keep_to(1200, chain(*(starter.begun for starter in starters)))

    async def test_nobody_who_always_wants_more_starves_the_others(self, fleet: Sequence[FleetLimits]) -> None:
        greedy, modest, third = (Starter(limits, per_minute=240) for limits in fleet)
        greedy.want(10_000)
        await greedy.begun_are(5)
        modest.want(3)
        third.want(3)
        await modest.begun_are(3)
        await third.begun_are(3)
        assert len(greedy.begun) <= 50

    async def test_a_low_rate_goes_round(self, fleet: Sequence[FleetLimits]) -> None:
        starters = [Starter(limits, per_minute=60) for limits in fleet]
        for starter in starters:
            starter.want(1000)
        for starter in starters:
            await starter.begun_are(2)
        assert max(len(starter.begun) for starter in starters) <= 6, "the first one had a few before the others came"

    async def test_what_a_process_that_ended_had_drawn_does_not_hold_the_others_up(
        self, fleet: Sequence[FleetLimits], postgres_url: str
    ) -> None:
        async with process(postgres_url, "ends") as limits:
            ending = Starter(limits, per_minute=600)
            ending.want(1000)
            await ending.begun_are(1)
        starter = Starter(fleet[0], per_minute=600)
        starter.want(10)
        await starter.begun_are(10)

    async def test_those_that_come_one_by_one_seldom_have_to_ask(self, postgres_url: str) -> None:
        database = PostgresDatabase(postgres_url, connections=2)
        ledger = CountingLimits(database)
        async with FleetLimits(ledger, holder="one") as limits:
            starter = Starter(limits, per_minute=60_000)
            for number in range(400):
                starter.want(1)
                await starter.begun_are(number + 1)
                await asyncio.sleep(0.002)
        await database.close()
        assert ledger.draws < 100

    async def test_nothing_begins_while_the_database_is_away_for_longer_than_turns_are_good(
        self, postgres: PostgresServer, postgres_url: str
    ) -> None:
        async with process(postgres_url, "one") as limits:
            starter = Starter(limits, per_minute=60)
            starter.want(1000)
            await starter.begun_are(1)
            await asyncio.to_thread(postgres.crash)
            try:
                await asyncio.sleep(EARLY_SECONDS + LATE_SECONDS)
                begun = len(starter.begun)
                await asyncio.sleep(1.5)
                assert len(starter.begun) == begun
            finally:
                await asyncio.to_thread(postgres.start)
            await starter.begun_are(begun + 1)
