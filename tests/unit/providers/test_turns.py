"""What a call waits for besides a slot: the rate, its tenant's own limit, and no longer than its deadline."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from service.domain.faults import Fault, ProviderFaultError
from service.domain.pace import Pace
from service.limits.local import LocalLimits
from service.ports.provider import Caller, CallLaterError
from service.providers.concurrency import Limiter
from tests.unit.providers.calls import Calls, settle
from tests.unit.providers.clocks import HandClock

_SOON = timedelta(seconds=0.05)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def limiter(
    clock: HandClock, *, most: int = 64, per_minute: int | None = None, most_per_tenant: int | None = None
) -> Limiter:
    return Limiter(
        "calls",
        most=most,
        most_per_tenant=most_per_tenant,
        per_minute=per_minute,
        limits=LocalLimits(clock),
        clock=clock,
    )


async def ended(calls: Calls, *tasks: asyncio.Task[None]) -> None:
    for name in range(len(tasks)):
        calls.end(name)
    async with asyncio.timeout(30):
        await asyncio.gather(*tasks)


async def given_up(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class TestRate:
    async def test_a_few_begin_at_once_and_the_rest_waits_without_a_slot(self, clock: HandClock) -> None:
        limited = limiter(clock, per_minute=60)
        calls = Calls(limited)
        tasks = [calls.begin(name) for name in range(3)]
        await settle()
        assert calls.order == [0, 1]
        assert limited.state() == {"concurrency_limit": 64, "calls_per_minute": 60, "in_flight": 2, "waiting": 1}
        await ended(calls, *tasks)
        assert calls.order == [0, 1, 2]

    async def test_no_more_begin_than_the_rate_allows_however_soon_they_end(self, clock: HandClock) -> None:
        limited = limiter(clock, per_minute=1200)
        begun = [time.monotonic()]

        async def call() -> None:
            async with limited.slot(Caller(tenant="t")):
                begun.append(time.monotonic())

        await asyncio.gather(*(call() for _ in range(100)))
        interval_seconds = Pace(1200).interval_seconds
        assert all(at - begun[0] >= (number - 1) * interval_seconds - 2 for number, at in enumerate(begun))
        assert begun[-1] - begun[0] >= 2, "5 seconds' worth, of which 2 may be early"

    async def test_single_calls_go_first_and_bulk_is_not_forgotten(self, clock: HandClock) -> None:
        limited = limiter(clock, per_minute=1200)
        calls = Calls(limited)
        burst = [calls.begin(name) for name in range(39)]
        await settle()
        assert len(calls.order) >= 39
        later = [calls.begin(100, bulk=True), calls.begin(101, bulk=True)]
        later += [calls.begin(name) for name in range(39, 55)]
        for name in (*range(55), 100, 101):
            calls.end(name)
        async with asyncio.timeout(30):
            await asyncio.gather(*burst, *later)
        waited = [name for name in calls.order if name >= 41]  # two more may have been early
        assert waited.index(100) <= 8
        assert waited.index(101) <= 16

    async def test_what_starts_nothing_needs_no_turn(self, clock: HandClock) -> None:
        limited = limiter(clock, per_minute=1)
        calls = Calls(limited)
        tasks = [calls.begin(0), calls.begin(1), calls.begin(2, collects=True)]
        await settle()
        assert calls.order == [0, 2]
        await given_up(*tasks)

    async def test_who_gives_up_takes_no_turn_from_others(self, clock: HandClock) -> None:
        limited = limiter(clock, per_minute=60)
        calls = Calls(limited)
        tasks = [calls.begin(name) for name in range(4)]
        await settle()
        await given_up(tasks[2])
        calls.end(3)
        await asyncio.wait_for(tasks[3], 30)
        assert calls.order == [0, 1, 3]
        await given_up(*tasks)


class TestTenants:
    async def test_others_pass_who_waits_for_its_own_limit(self, clock: HandClock) -> None:
        limited = limiter(clock, most=8, most_per_tenant=2)
        calls = Calls(limited)
        tasks = [calls.begin(name, tenant="greedy", bulk=True) for name in range(6)]
        tasks += [calls.begin(6, tenant="other", bulk=True), calls.begin(7, tenant="other")]
        await settle()
        assert set(calls.order) == {0, 1, 6, 7}
        assert limited.state()["waiting"] == 4
        await ended(calls, *tasks)
        assert [name for name in calls.order if name < 6] == [0, 1, 2, 3, 4, 5]

    async def test_single_calls_and_those_in_bulk_count_together(self, clock: HandClock) -> None:
        limited = limiter(clock, most=8, most_per_tenant=2)
        calls = Calls(limited)
        tasks = [calls.begin(0), calls.begin(1, bulk=True), calls.begin(2), calls.begin(3, bulk=True)]
        await settle()
        assert calls.order == [0, 1]
        calls.end(1)
        await settle()
        assert calls.order == [0, 1, 2], "a single call goes first here as well"
        await ended(calls, *tasks)

    async def test_all_together_never_have_more_out_than_there_are_slots(self, clock: HandClock) -> None:
        limited = limiter(clock, most=3, most_per_tenant=2)
        calls = Calls(limited)
        tasks = [calls.begin(name, tenant=str(name // 2), bulk=True) for name in range(6)]
        await settle()
        assert limited.state()["in_flight"] == 2  # the third slot is not for bulk
        await ended(calls, *tasks)

    async def test_single_calls_beyond_a_few_come_again_later(self, clock: HandClock) -> None:
        limited = limiter(clock, most=8, most_per_tenant=1)
        calls = Calls(limited)
        tasks = [calls.begin(name) for name in range(2)]
        await settle()
        due_at = []
        for _ in range(3):
            with pytest.raises(CallLaterError) as raised:
                async with limited.slot(Caller(tenant="t")):
                    pytest.fail("it had a turn")
            due_at.append(raised.value.due_at)
        assert clock.now() < due_at[0] < due_at[1] < due_at[2], "not all of them at once"
        other = calls.begin(2, tenant="other")
        in_bulk = calls.begin(3, bulk=True)
        await settle()
        assert calls.order == [0, 2]
        await ended(calls, *tasks, other, in_bulk)

    async def test_who_would_come_again_after_its_deadline_is_told_why(self, clock: HandClock) -> None:
        limited = limiter(clock, most=8, most_per_tenant=1)
        calls = Calls(limited)
        tasks = [calls.begin(name) for name in range(2)]
        await settle()
        with pytest.raises(ProviderFaultError, match="no more than 1 of the tenant's calls may be out") as raised:
            async with limited.slot(Caller(tenant="t", deadline_at=clock.now())):
                pytest.fail("it had a turn")
        assert (raised.value.fault, raised.value.called) == (Fault.RATE_LIMITED, False)
        await ended(calls, *tasks)

    async def test_without_a_limit_they_are_not_told_apart(self, clock: HandClock) -> None:
        limited = limiter(clock, most=4)
        calls = Calls(limited)
        tasks = [calls.begin(name, tenant=str(name)) for name in range(100)]
        await settle()
        assert calls.order == [0, 1, 2, 3]
        await ended(calls, *tasks)
        assert calls.order == list(range(100))


class TestDeadlines:
    @pytest.mark.parametrize(
        ("limits", "why"),
        [
            ({"per_minute": 1}, "no more than 1 calls may start in a minute"),
            ({"most_per_tenant": 1}, "no more than 1 of the tenant's calls may be out"),
            ({"most": 1}, "no more than 1 calls may be out"),
        ],
    )
    async def test_who_has_no_turn_by_its_deadline_is_told_why(
        self, clock: HandClock, limits: dict[str, int], why: str
    ) -> None:
        limited = limiter(clock, **limits)
        calls = Calls(limited)
        first = calls.begin(0)
        await settle()
        late = calls.begin(1, deadline_at=clock.now() + _SOON)
        with pytest.raises(ProviderFaultError, match=why) as raised:
            await asyncio.wait_for(late, 30)
        assert (raised.value.fault, raised.value.called) == (Fault.RATE_LIMITED, False)
        assert (limited.state()["in_flight"], limited.state()["waiting"]) == (1, 0)
        await ended(calls, first)
        assert limited.state()["concurrency_limit"] == limits.get("most", 64), "nobody complained"

    async def test_a_call_that_is_out_may_take_longer(self, clock: HandClock) -> None:
        calls = Calls(limiter(clock))
        task = calls.begin(0, deadline_at=clock.now() + _SOON)
        await asyncio.sleep(0.2)
        assert not task.done()
        await ended(calls, task)
