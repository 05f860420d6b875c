"""Every rate: nothing begins more often than it allows, from one process or from all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import chain

import pytest

from service.domain.pace import EARLY_SECONDS, LATE_SECONDS, Pace
from service.ledger.limits import SqlLimits
from service.ledger.postgres import PostgresDatabase
from service.limits.fleet import FleetLimits
from service.ports.limits import Draw, Limits, Turns
from tests.contract.limit_suite import LimitSuite, Start, Starter, process, processes
from tests.patience import PATIENCE_SECONDS, until
from tests.servers.postgres import PostgresServer


def keep_to(per_minute: int, begun: Iterable[Start]) -> bool:
    """Whether so many in so short a time can be what `service.domain.pace` promises for a minute."""
    begun, pace = list(begun), Pace(per_minute)
    after, before = sorted(start.after for start in begun), sorted(start.before for start in begun)
    least_seconds = [number * pace.interval_seconds - EARLY_SECONDS - LATE_SECONDS for number in range(len(begun))]
    return all(
        at - after[first] >= least_seconds[number]
        for first in range(len(begun))
        for number, at in enumerate(before[first:])
    )


class NotedLimits(SqlLimits):
    """Notes which turns are drawn."""

    def __init__(self, database: PostgresDatabase) -> None:
        super().__init__(database)
        self.drawn: list[Turns] = []

    async def draw(self, holder: str, draw: Draw) -> Turns:
        turns = await super().draw(holder, draw)
        self.drawn.append(turns)
        return turns


@asynccontextmanager
async def noted(url: str) -> AsyncIterator[tuple[FleetLimits, Sequence[Turns]]]:
    """The limits of one more process, and what it draws."""
    database = PostgresDatabase(url, connections=2)
    ledger = NotedLimits(database)
    try:
        async with FleetLimits(ledger, holder="noted") as limits:
            yield limits, ledger.drawn
    finally:
        await database.close()


class TestEveryRate(LimitSuite):
    async def test_a_few_begin_at_once_and_then_one_after_the_other(self, limits: Limits) -> None:
        starter = Starter(limits, per_minute=1200)
        starter.want(80)
        await starter.begun_are(80)
        assert keep_to(1200, starter.begun)

    async def test_a_low_rate_lets_the_next_one_wait(self, limits: Limits) -> None:
        starter = Starter(limits, per_minute=1)
        starter.want(2)
        await starter.begun_are(1)
        await asyncio.sleep(0.5)
        assert keep_to(1, starter.begun)

    async def test_rates_of_other_names_are_others(self, limits: Limits) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):  # of one rate the fifth would begin later than that
            for name in "abcde":
                starter = Starter(limits, name=name, per_minute=1)
                starter.want(1)
                await starter.begun_are(1)

    async def test_who_wants_nothing_any_more_is_not_called(self, limits: Limits) -> None:
        starter = Starter(limits, per_minute=120)
        starter.want(5)
        await starter.begun_are(1)
        starter.want(-5 + len(starter.begun))
        other = Starter(limits, name="other", per_minute=120)
        other.want(1)
        await other.begun_are(1)  # what the first one had asked for before is answered
        calls = starter.calls
        await asyncio.sleep(1)
        assert starter.calls == calls


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

    async def test_who_always_wants_more_does_not_starve_another(
        self, fleet: Sequence[FleetLimits], postgres_url: str
    ) -> None:
        greedy, pace = Starter(fleet[0], per_minute=240), Pace(240)
        greedy.want(10_000)
        await greedy.begun_are(5)
        async with noted(postgres_url) as (limits, drawn):
            modest = Starter(limits, per_minute=240)
            modest.want(3)
            await modest.begun_are(3)
        assert drawn[0].count == 3
        # Before these come those that the other has drawn ahead: after one that it used early, a portion of them.
        assert drawn[0].first_in_seconds <= EARLY_SECONDS + (1 + pace.portion) * pace.interval_seconds

    async def test_a_low_rate_goes_round(self, fleet: Sequence[FleetLimits], postgres_url: str) -> None:
        async with noted(postgres_url) as (limits, drawn):
            starters = [Starter(each, per_minute=60) for each in (limits, *fleet[1:])]
            for starter in starters:
                starter.want(1000)
            for starter in starters:
                await starter.begun_are(2)
            await until(lambda: any(turns.portion == 1 for turns in drawn))  # alone it could draw two at a time

    async def test_what_a_process_that_ended_had_drawn_does_not_hold_the_others_up(
        self, fleet: Sequence[FleetLimits], postgres_url: str
    ) -> None:
        async with process(postgres_url, "ends") as limits:
            ending = Starter(limits, per_minute=600)
            ending.want(10_000)
            await ending.begun_are(1)
        starter = Starter(fleet[0], per_minute=600)
        starter.want(10)
        await starter.begun_are(10)

    async def test_those_that_come_one_by_one_seldom_have_to_ask(self, postgres_url: str) -> None:
        async with noted(postgres_url) as (limits, drawn):
            starter = Starter(limits, per_minute=60_000)
            for number in range(400):
                starter.want(1)
                await starter.begun_are(number + 1)
                await asyncio.sleep(0)
        assert len(drawn) < 100

    async def test_nothing_begins_while_the_database_is_away_for_longer_than_turns_are_good(
        self, postgres: PostgresServer, postgres_url: str
    ) -> None:
        async with noted(postgres_url) as (limits, drawn):
            starter, pace = Starter(limits, per_minute=60), Pace(60)
            starter.want(1000)
            await until(lambda: len(drawn) >= 2)
            starter.want(-1000 + len(starter.begun))  # what it has not used of them it keeps
            await asyncio.to_thread(postgres.crash)
            try:
                # The time of the last one is at most a portion after that of one used early.
                await asyncio.sleep(EARLY_SECONDS + pace.portion * pace.interval_seconds + LATE_SECONDS)
                begun = len(starter.begun)
                starter.want(1000)
                await asyncio.sleep(1.5)
                assert len(starter.begun) == begun
            finally:
                await asyncio.to_thread(postgres.start)
            await starter.begun_are(begun + 1)
