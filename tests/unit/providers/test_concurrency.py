from __future__ import annotations

import asyncio

import pytest

from service.domain.faults import Fault, ProviderFaultError
from service.limits.local import LocalLimits
from service.ports.provider import Caller
from service.providers.concurrency import Limiter
from tests.unit.providers.calls import Calls, settle
from tests.unit.providers.clocks import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def limiter(clock: HandClock, most: int = 8) -> Limiter:
    return Limiter("calls", most=most, limits=LocalLimits(clock), clock=clock)


async def fail(limiter: Limiter, fault: Fault, *, called: bool = True) -> None:
    with pytest.raises(ProviderFaultError):
        async with limiter.slot(Caller(tenant="t")):
            raise ProviderFaultError(fault, "no", called=called)


async def succeed(limiter: Limiter) -> None:
    async with limiter.slot(Caller(tenant="t")):
        pass


def limit(limiter: Limiter) -> int:
    return limiter.state()["concurrency_limit"]


async def test_no_more_than_the_limit_are_out_and_the_rest_wait_in_order(clock: HandClock) -> None:
    limited = limiter(clock, most=2)
    calls = Calls(limited)
    tasks = [calls.begin(name) for name in range(5)]
    await settle()
    assert calls.order == [0, 1]
    assert limited.state() == {"concurrency_limit": 2, "in_flight": 2, "waiting": 3}
    for name in range(5):
        calls.end(name)
    await asyncio.gather(*tasks)
    assert calls.order == [0, 1, 2, 3, 4]
    assert limited.state() == {"concurrency_limit": 2, "in_flight": 0, "waiting": 0}


async def test_who_comes_later_does_not_overtake_who_waits(clock: HandClock) -> None:
    limited = limiter(clock, most=1)
    calls = Calls(limited)
    tasks = [calls.begin(0), calls.begin(1)]
    await settle()
    calls.end(0)
    await asyncio.sleep(0)  # the slot is passed on, but its new owner has not run yet
    tasks.append(calls.begin(2))
    calls.end(1)
    calls.end(2)
    await asyncio.gather(*tasks)
    assert calls.order == [0, 1, 2]


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.OVERLOADED])
async def test_too_many_calls_halve_it(clock: HandClock, fault: Fault) -> None:
    limited = limiter(clock)
    await fail(limited, fault)
    assert limit(limited) == 4


@pytest.mark.parametrize("fault", sorted(set(Fault) - {Fault.RATE_LIMITED, Fault.OVERLOADED}))
async def test_other_faults_say_nothing_about_it(clock: HandClock, fault: Fault) -> None:
    limited = limiter(clock)
    await fail(limited, fault)
    assert limit(limited) == 8


async def test_a_call_that_was_not_made_says_nothing_about_it(clock: HandClock) -> None:
    limited = limiter(clock)
    await fail(limited, Fault.RATE_LIMITED, called=False)
    assert limit(limited) == 8


async def test_it_is_halved_once_a_window_and_never_below_one(clock: HandClock) -> None:
    limited = limiter(clock)
    for expected in (4, 2, 1, 1):
        await fail(limited, Fault.RATE_LIMITED)
        clock.forward(4.9)
        await fail(limited, Fault.RATE_LIMITED)
        assert limit(limited) == expected
        clock.forward(0.1)


async def test_successes_raise_it_step_by_step_up_to_the_most(clock: HandClock) -> None:
    limited = limiter(clock)
    await fail(limited, Fault.RATE_LIMITED)
    seen = []
    for _ in range(40):
        await succeed(limited)
        seen.append(limit(limited))
    assert seen == sorted(seen)
    assert seen[0] == 4
    assert seen[4] == 5  # a round of successes, one more
    assert seen[-1] == 8


async def test_a_large_limit_comes_back_in_a_few_rounds(clock: HandClock) -> None:
    limited = limiter(clock, most=1000)
    await fail(limited, Fault.RATE_LIMITED)
    for _ in range(500):
        await succeed(limited)
    assert 545 <= limit(limited) <= 550


async def test_a_raised_limit_lets_more_through(clock: HandClock) -> None:
    limited = limiter(clock, most=2)
    await fail(limited, Fault.RATE_LIMITED)
    calls = Calls(limited)
    tasks = [calls.begin(name) for name in range(3)]
    await settle()
    assert calls.order == [0]
    calls.end(0)
    await settle()
    assert calls.order == [0, 1, 2]
    calls.end(1)
    calls.end(2)
    await asyncio.gather(*tasks)


async def test_a_lowered_limit_waits_for_calls_to_end(clock: HandClock) -> None:
    limited = limiter(clock, most=4)
    calls = Calls(limited)
    tasks = [calls.begin(name) for name in range(3)]
    await settle()
    await fail(limited, Fault.RATE_LIMITED)
    tasks.append(calls.begin(3))
    calls.end(0)
    await settle()
    assert calls.order == [0, 1, 2]  # two are still out
    for name in range(1, 4):
        calls.end(name)
    await asyncio.gather(*tasks)
    assert calls.order == [0, 1, 2, 3]


async def test_who_stops_waiting_leaves_no_trace(clock: HandClock) -> None:
    limited = limiter(clock, most=1)
    calls = Calls(limited)
    tasks = [calls.begin(name) for name in range(3)]
    await settle()
    tasks[1].cancel()
    await settle()
    assert limited.state() == {"concurrency_limit": 1, "in_flight": 1, "waiting": 1}
    calls.end(0)
    calls.end(2)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert calls.order == [0, 2]
    assert limited.state()["in_flight"] == 0


async def test_a_slot_that_comes_at_the_moment_of_the_cancellation_goes_to_the_next(clock: HandClock) -> None:
    limited = limiter(clock, most=1)
    calls = Calls(limited)
    tasks = [calls.begin(name) for name in range(3)]
    await settle()
    calls.end(0)
    await asyncio.sleep(0)  # its slot has been given to the next, which has not run yet
    assert limited.state()["waiting"] == 1
    tasks[1].cancel()
    calls.end(2)
    await asyncio.wait_for(tasks[2], 30)
    assert calls.order == [0, 2]
    assert limited.state()["in_flight"] == 0


async def test_who_was_cancelled_just_before_a_slot_comes_free_is_passed_over(clock: HandClock) -> None:
    limited = limiter(clock, most=1)
    calls = Calls(limited)
    tasks = [calls.begin(name) for name in range(3)]
    await settle()
    calls.end(0)
    tasks[1].cancel()  # it has not run since, so its place in the queue is still there when the slot comes free
    calls.end(2)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert calls.order == [0, 2]
    assert limited.state() == {"concurrency_limit": 1, "in_flight": 0, "waiting": 0}


async def test_a_call_that_is_cancelled_gives_its_slot_back(clock: HandClock) -> None:
    limited = limiter(clock, most=1)
    calls = Calls(limited)
    tasks = [calls.begin(0), calls.begin(1)]
    await settle()
    tasks[0].cancel()
    calls.end(1)
    await asyncio.wait_for(tasks[1], 30)
    assert limited.state()["in_flight"] == 0


async def test_a_single_call_gets_the_first_slot_although_a_batch_has_waited_longer(clock: HandClock) -> None:
    limited = limiter(clock, most=1)
    calls = Calls(limited)
    tasks = [calls.begin(name, bulk=True) for name in range(4)]
    await settle()
    tasks.append(calls.begin(100))
    await settle()
    for name in (100, *range(4)):
        calls.end(name)
    await asyncio.gather(*tasks)
    assert calls.order == [0, 100, 1, 2, 3]


@pytest.mark.parametrize(("most", "in_bulk"), [(1, 1), (2, 1), (8, 7), (64, 56)])
async def test_calls_in_bulk_leave_a_slot_for_single_ones(clock: HandClock, most: int, in_bulk: int) -> None:
    limited = limiter(clock, most=most)
    calls = Calls(limited)
    tasks = [calls.begin(name, bulk=True) for name in range(most)]
    await settle()
    assert len(calls.order) == in_bulk
    tasks += [calls.begin(100 + name) for name in range(most)]
    await settle()
    assert len(calls.order) == most
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert limited.state() == {"concurrency_limit": most, "in_flight": 0, "waiting": 0}


async def test_the_slots_of_a_lowered_limit_are_shared_as_well(clock: HandClock) -> None:
    limited = limiter(clock, most=8)
    await fail(limited, Fault.RATE_LIMITED)
    calls = Calls(limited)
    tasks = [calls.begin(name, bulk=True) for name in range(8)]
    tasks.append(calls.begin(100))
    await settle()
    assert calls.order == [0, 1, 2, 100]
    for name in (*range(8), 100):
        calls.end(name)
    await asyncio.gather(*tasks)


async def test_single_calls_that_never_cease_leave_a_turn_in_eight_to_a_batch(clock: HandClock) -> None:
    limited = limiter(clock, most=1)
    calls = Calls(limited)
    tasks = [calls.begin(name, bulk=name >= 100) for name in (*range(20), *range(100, 103))]
    await settle()
    for name in (*range(20), *range(100, 103)):
        calls.end(name)
    await asyncio.gather(*tasks)
    assert calls.order == [0, *range(1, 8), 100, *range(8, 15), 101, *range(15, 20), 102]


async def test_who_gives_up_waiting_in_bulk_takes_no_turn_from_single_calls(clock: HandClock) -> None:
    limited = limiter(clock, most=1)
    calls = Calls(limited)
    tasks = [calls.begin(name, bulk=name >= 100) for name in (*range(12), 100)]
    await settle()
    tasks[-1].cancel()
    for name in range(12):
        calls.end(name)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert calls.order == list(range(12))
