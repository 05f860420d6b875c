"""Every limit: no more out at a time than it allows, of one process or of all, whatever becomes of them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from service.callbacks.slots import HostSlots
from service.domain.limits import raised
from service.limits.fleet import FleetLimits
from service.ports.limits import Limits
from service.ports.provider import Caller
from service.providers.concurrency import Limiter
from tests.contract.limit_suite import LimitSuite, RealClock, User, process, processes, until_limit_is
from tests.contract.racing import gate, waiting
from tests.servers.postgres import PostgresServer
from tests.servers.processes import ChildProcess


class Attempts:
    """Counts those that run at the same time."""

    def __init__(self) -> None:
        self.done = self.most_at_once = self._running = 0

    @asynccontextmanager
    async def counted(self) -> AsyncIterator[None]:
        self._running += 1
        self.most_at_once = max(self.most_at_once, self._running)
        yield
        self._running -= 1
        self.done += 1

    async def attempt(self, slot: AbstractAsyncContextManager[None]) -> None:
        async with slot, self.counted():
            await asyncio.sleep(0.02)


class TestEveryLimit(LimitSuite):
    async def test_no_more_are_out_than_it_allows(self, limits: Limits) -> None:
        user = User(limits, most=4)
        user.begin(6)
        await user.out_are(4)
        for left in (4, 4, 3):
            user.end(1)
            await user.out_are(left)

    async def test_limits_of_other_names_are_others(self, limits: Limits) -> None:
        users = [User(limits, name=name, most=2) for name in ("a", "b")]
        for user in users:
            user.begin(3)
            await user.out_are(2)

    async def test_a_complaint_halves_it_and_those_at_once_are_the_same_one(self, limits: Limits) -> None:
        user = User(limits, most=8)
        user.begin(20)
        await user.out_are(8)
        user.limit.lower()
        await until_limit_is(user, 4)
        user.limit.lower()
        user.end(8)
        await user.out_are(4)
        assert user.limit.whole == 4

    async def test_it_is_never_below_one(self, limits: Limits) -> None:
        user = User(limits, most=1)
        user.begin(2)
        await user.out_are(1)
        user.limit.lower()
        user.end(1)
        await user.out_are(1)
        assert user.limit.whole == 1

    async def test_successes_raise_it_again(self, limits: Limits) -> None:
        user = User(limits, most=8)
        user.begin(20)
        await user.out_are(8)
        user.limit.lower()
        await until_limit_is(user, 4)
        for _ in range(10):
            user.limit.succeed()
        await until_limit_is(user, int(raised(4, most=8, successes=10)))
        await user.out_are(8)  # those that were out before


class TestSharing:
    @pytest.fixture
    async def fleet(self, postgres_url: str) -> AsyncIterator[Sequence[FleetLimits]]:
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(one) for one in processes(postgres_url, 3)]

    async def test_all_together_never_have_more_out_than_it_allows(self, fleet: Sequence[FleetLimits]) -> None:
        users = [User(limits, most=8) for limits in fleet]
        begun = 0
        for round_ in range(150):
            for number, user in enumerate(users):
                if begun < 400:
                    user.begin(number + 1)
                    begun += number + 1
                if user.out and round_ % (number + 2):
                    user.end(1)
                assert sum(each.out for each in users) <= 8
            await asyncio.sleep(0.01)
            assert sum(each.out for each in users) <= 8

    async def test_each_gets_a_fair_part_of_what_all_want(self, fleet: Sequence[FleetLimits]) -> None:
        first, second, third = (User(limits, most=9) for limits in fleet)
        first.begin(100)
        await first.out_are(9)
        second.begin(100)
        third.begin(1)
        async with asyncio.timeout(30):
            while (first.out, second.out, third.out) != (4, 4, 1):
                if first.out > 4:
                    first.end(1)
                await asyncio.sleep(0.05)
                assert first.out + second.out + third.out <= 9

    async def test_who_waits_for_the_only_one_gets_it_in_turn(self, fleet: Sequence[FleetLimits]) -> None:
        users = [User(limits, most=1) for limits in fleet[:2]]
        for user in users:
            user.begin(100_000)
        had = [0, 0]
        async with asyncio.timeout(60):
            while not all(had):
                for number, user in enumerate(users):
                    had[number] += user.out
                    user.end(user.out)
                assert sum(user.out for user in users) <= 1
                await asyncio.sleep(0.05)

    async def test_what_is_not_used_any_more_others_get(self, fleet: Sequence[FleetLimits]) -> None:
        first, second = (User(limits, most=5) for limits in fleet[:2])
        first.begin(5)
        await first.out_are(5)
        second.begin(5)
        first.end(3)
        await second.out_are(3)

    async def test_a_limit_that_one_lowers_holds_for_all(self, fleet: Sequence[FleetLimits]) -> None:
        first, second = (User(limits, most=8) for limits in fleet[:2])
        first.begin(4)
        second.begin(4)
        await first.out_are(4)
        await second.out_are(4)
        first.limit.lower()
        second.limit.lower()  # the same complaint
        await until_limit_is(second, 4)
        await until_limit_is(first, 4)
        first.end(4)
        first.begin(4)
        second.begin(4)
        await asyncio.sleep(1.5)  # nothing can come free in any number of beats
        assert (first.out, second.out) == (0, 4)

    async def test_who_has_nothing_out_hears_of_it_too(self, fleet: Sequence[FleetLimits]) -> None:
        first, second = (User(limits, most=8) for limits in fleet[:2])
        first.begin(1)
        await first.out_are(1)
        first.limit.lower()
        await until_limit_is(first, 4)
        await second.limit.look()
        assert second.limit.whole == 4

    async def test_so_many_attempts_go_to_one_receiver_from_all_of_them(self, fleet: Sequence[FleetLimits]) -> None:
        senders = [HostSlots(per_host=3, limits=limits) for limits in fleet]
        order = Attempts()
        async with asyncio.timeout(60):
            await asyncio.gather(*(order.attempt(slots.slot("a.example")) for slots in senders for _ in range(12)))
        assert (order.done, order.most_at_once) == (36, 3)

    async def test_a_receiver_is_stuck_for_all_where_one_has_all_attempts(self, fleet: Sequence[FleetLimits]) -> None:
        first, second = (HostSlots(per_host=1, limits=limits, stuck_seconds=0.2) for limits in fleet[:2])
        async with first.slot("a.example"):
            waits = asyncio.create_task(Attempts().attempt(second.slot("a.example")))
            async with asyncio.timeout(30):
                while not second.stuck("a.example"):
                    await asyncio.sleep(0.02)
            assert not second.stuck("b.example")
        await asyncio.wait_for(waits, 30)

    async def test_calls_in_bulk_go_out_at_once_while_there_is_room(self, fleet: Sequence[FleetLimits]) -> None:
        limiter = Limiter("calls", most=64, limits=fleet[0], clock=RealClock())
        order, all_out = Attempts(), asyncio.Barrier(8)

        async def call() -> None:
            async with limiter.slot(Caller(tenant="t", bulk=True)), order.counted():
                await all_out.wait()

        async with asyncio.timeout(30):
            for _ in range(3):
                await asyncio.gather(*(call() for _ in range(8)))
        assert order.most_at_once == 8

    async def test_bulk_leaves_nothing_unused_of_many_small_parts(self, fleet: Sequence[FleetLimits]) -> None:
        limiters = [Limiter("calls", most=6, limits=limits, clock=RealClock()) for limits in fleet]
        order, all_out = Attempts(), asyncio.Barrier(6)

        async def call(limiter: Limiter) -> None:
            async with limiter.slot(Caller(tenant="t", bulk=True)), order.counted():
                await all_out.wait()

        async with asyncio.timeout(30):
            await asyncio.gather(*(call(limiter) for limiter in limiters for _ in range(2)))
        assert order.most_at_once == 6

    async def test_who_gave_up_while_there_was_not_enough_asks_again(self, fleet: Sequence[FleetLimits]) -> None:
        first, second = (Limiter("calls", most=1, limits=limits, clock=RealClock()) for limits in fleet[:2])
        async with first.slot(Caller(tenant="t")):
            waits = asyncio.create_task(Attempts().attempt(second.slot(Caller(tenant="t"))))
            await asyncio.sleep(0.2)  # it has been told that there is nothing
            waits.cancel()
            await asyncio.wait([waits])
            await asyncio.sleep(1.5)
        async with asyncio.timeout(30):
            await Attempts().attempt(second.slot(Caller(tenant="t")))

    async def test_what_a_process_leaves_behind_in_order_is_free_at_once(
        self, fleet: Sequence[FleetLimits], postgres_url: str
    ) -> None:
        async with process(postgres_url, "leaves", lease_seconds=3600) as limits:
            leaving = User(limits, most=2)
            leaving.begin(2)
            await leaving.out_are(2)
        user = User(fleet[0], most=2)
        user.begin(2)
        await user.out_are(2)


class TestTrouble:
    @pytest.fixture
    async def holder(self, postgres_url: str, tmp_path: Path) -> AsyncIterator[ChildProcess]:
        arguments = ["-m", "tests.contract.limit_holder", postgres_url, "3", "3"]
        child = ChildProcess(arguments, env={}, cwd=Path.cwd(), log=tmp_path / "holder.log")
        child.spawn()
        try:
            assert await child.first_line() == "3"
            yield child
        finally:
            await child.end(gently=False)

    async def test_what_a_killed_process_held_is_free_once_its_lease_ends(
        self, holder: ChildProcess, postgres_url: str
    ) -> None:
        async with process(postgres_url, "other") as limits:
            user = User(limits, most=3)
            await holder.kill9()
            user.begin(3)
            await user.out_are(3)

    async def test_a_process_that_slept_takes_no_more_than_is_left(
        self, holder: ChildProcess, postgres_url: str
    ) -> None:
        async with process(postgres_url, "other") as limits:
            user = User(limits, most=3)
            holder.signal_family(signal.SIGSTOP)
            user.begin(3)
            await user.out_are(3)
            holder.signal_family(signal.SIGCONT)
            # What it had out before it slept is still out; it lets each end, and gets no other in its place.
            user.begin(100)
            async with asyncio.timeout(30):
                while user.limit.allowed == 3:  # the two of them share now
                    await asyncio.sleep(0.02)

    async def test_a_process_that_is_stopped_while_it_settles_does_not_stop_the_others(
        self, holder: ChildProcess, postgres_url: str
    ) -> None:
        with gate(postgres_url, "LOCK TABLE shares"):
            await waiting(postgres_url, 1)
            holder.signal_family(signal.SIGSTOP)
        async with process(postgres_url, "other") as limits:
            user = User(limits, most=3)
            user.begin(3)
            await user.out_are(3)

    async def test_nothing_goes_out_while_the_database_is_away_for_longer_than_a_lease(
        self, postgres: PostgresServer, postgres_url: str
    ) -> None:
        async with process(postgres_url, "one", lease_seconds=1.5) as limits:
            user = User(limits, most=2)
            user.begin(2)
            await user.out_are(2)
            await asyncio.to_thread(postgres.crash)
            try:
                async with asyncio.timeout(30):
                    while user.limit.allowed:
                        await asyncio.sleep(0.02)
                user.end(2)
                user.begin(1)
                assert user.out == 0
            finally:
                await asyncio.to_thread(postgres.start)
            await user.out_are(1)
