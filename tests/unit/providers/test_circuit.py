from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from service.domain.faults import Fault, ProviderFaultError
from service.limits.local import LocalOutages
from service.providers.circuit import Circuit
from tests.unit.providers.clocks import HandClock

BILLING = ProviderFaultError(
    Fault.BILLING_EXHAUSTED, "no money", code="billing_hard_limit_reached", http_status=400, request_id="req_1"
)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def circuit_of(clock: HandClock) -> Circuit:
    """Who waits for a probe does so for a moment."""
    return Circuit("openai", outages=LocalOutages(), clock=clock, open_seconds=60, probe_seconds=0.01)


@pytest.fixture
def circuit(clock: HandClock) -> Circuit:
    return circuit_of(clock)


async def fail(circuit: Circuit, error: BaseException = BILLING) -> None:
    with pytest.raises(type(error)):
        async with circuit.call():
            raise error


async def fail_while_out(circuit: Circuit, *errors: ProviderFaultError) -> None:
    """Calls that are all out before the first of them fails, and end in this order."""
    *earlier, last = errors
    with suppress(ProviderFaultError):
        async with circuit.call():
            if earlier:
                await fail_while_out(circuit, *earlier)
            raise last


async def refusal(circuit: Circuit) -> ProviderFaultError:
    with pytest.raises(ProviderFaultError) as raised:
        async with circuit.call():
            pytest.fail("the call was made")
    assert not raised.value.called
    return raised.value


async def test_closed_it_lets_everybody_through(circuit: Circuit) -> None:
    async with circuit.call(), circuit.call():
        pass
    assert circuit.state() == {"circuit": "closed"}


@pytest.mark.parametrize("fault", [Fault.BILLING_EXHAUSTED, Fault.QUOTA_DAILY, Fault.AUTH])
async def test_what_every_call_would_meet_opens_it(circuit: Circuit, fault: Fault) -> None:
    await fail(circuit, ProviderFaultError(fault, "no"))
    assert (await refusal(circuit)).fault is fault


@pytest.mark.parametrize("fault", sorted(set(Fault) - {Fault.BILLING_EXHAUSTED, Fault.QUOTA_DAILY, Fault.AUTH}))
async def test_nothing_else_opens_it(circuit: Circuit, fault: Fault) -> None:
    await fail(circuit, ProviderFaultError(fault, "no"))
    assert circuit.state() == {"circuit": "closed"}


async def test_open_it_repeats_the_refusal_without_the_request(circuit: Circuit) -> None:
    await fail(circuit)
    repeated = await refusal(circuit)
    assert (repeated.fault, repeated.code, repeated.message) == (BILLING.fault, BILLING.code, BILLING.message)
    assert repeated.request_id is None
    assert circuit.state() == {
        "circuit": "open",
        "circuit_reason": "billing_exhausted",
        "circuit_code": "billing_hard_limit_reached",
        "circuit_open_until": "2026-11-21T12:01:00+00:00",
    }


async def test_its_own_refusals_do_not_keep_it_open(circuit: Circuit, clock: HandClock) -> None:
    await fail(circuit)
    clock.forward(59)
    await fail(circuit, await refusal(circuit))
    clock.forward(1)
    await circuit.check()


async def test_half_open_it_lets_one_probe_through(circuit: Circuit, clock: HandClock) -> None:
    await fail(circuit)
    clock.forward(60)
    assert circuit.state()["circuit"] == "half_open"
    async with circuit.call():
        await refusal(circuit)
        with pytest.raises(ProviderFaultError):
            await circuit.check()


async def test_a_probe_that_succeeds_closes_it(circuit: Circuit, clock: HandClock) -> None:
    await fail(circuit)
    clock.forward(60)
    async with circuit.call():
        pass
    assert circuit.state() == {"circuit": "closed"}
    async with circuit.call(), circuit.call():
        pass


async def test_a_probe_that_is_refused_opens_it_anew(circuit: Circuit, clock: HandClock) -> None:
    await fail(circuit)
    clock.forward(60)
    await fail(circuit)
    clock.forward(59)
    await refusal(circuit)
    clock.forward(1)
    await circuit.check()


@pytest.mark.parametrize("ending", [ProviderFaultError(Fault.OVERLOADED, "busy"), KeyboardInterrupt()])
async def test_a_probe_that_tells_nothing_gives_its_place_to_the_next(
    circuit: Circuit, clock: HandClock, ending: BaseException
) -> None:
    await fail(circuit)
    clock.forward(60)
    await fail(circuit, ending)
    assert circuit.state()["circuit"] == "half_open"
    async with circuit.call():
        pass
    assert circuit.state() == {"circuit": "closed"}


async def test_the_success_of_a_call_from_before_does_not_close_it(circuit: Circuit) -> None:
    async with circuit.call():
        await fail(circuit)
    await refusal(circuit)


async def test_a_quota_keeps_it_open_until_its_reset(circuit: Circuit, clock: HandClock) -> None:
    await fail(circuit, ProviderFaultError(Fault.QUOTA_DAILY, "tomorrow", retry_after_seconds=3600))
    clock.forward(3599)
    await refusal(circuit)
    clock.forward(1)
    await circuit.check()


async def test_who_waits_for_a_probe_goes_by_what_it_tells(clock: HandClock) -> None:
    circuit = Circuit("openai", outages=LocalOutages(), clock=clock, open_seconds=60)
    await fail(circuit)
    clock.forward(60)
    async with circuit.call():
        waiting = [asyncio.create_task(circuit.check()) for _ in range(3)]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in waiting)
    await asyncio.wait_for(asyncio.gather(*waiting), 30)


async def test_a_probe_that_tells_nothing_for_long_counts_as_lost(circuit: Circuit, clock: HandClock) -> None:
    await fail(circuit)
    clock.forward(60)
    async with circuit.call():
        clock.forward(599)
        await refusal(circuit)
        clock.forward(1)
        async with circuit.call():
            pass
        assert circuit.state() == {"circuit": "closed"}


def asked_to_wait(seconds: float | None, fault: Fault = Fault.RATE_LIMITED) -> ProviderFaultError:
    return ProviderFaultError(fault, "slow down", http_status=429, retry_after_seconds=seconds)


async def test_a_pause_refuses_everybody_until_it_ends(circuit: Circuit, clock: HandClock) -> None:
    await fail(circuit, asked_to_wait(30))
    assert circuit.state() == {"circuit": "closed", "paused_until": "2026-11-21T12:00:30+00:00"}
    clock.forward(10)
    refused = await refusal(circuit)
    assert (refused.fault, refused.retry_after_seconds) == (Fault.RATE_LIMITED, 20)
    assert "pause until 12:00:30 UTC: slow down" in refused.message
    clock.forward(20)
    assert circuit.state() == {"circuit": "closed"}
    async with circuit.call(), circuit.call():
        pass


async def test_a_longer_pause_counts_and_a_shorter_one_does_not(circuit: Circuit, clock: HandClock) -> None:
    await fail_while_out(circuit, *map(asked_to_wait, (30, 40, 10)))
    assert (await refusal(circuit)).retry_after_seconds == 40
    clock.forward(40)
    await circuit.check()


async def test_nobody_is_made_to_pause_for_longer_than_five_minutes(circuit: Circuit) -> None:
    await fail(circuit, asked_to_wait(3600))
    assert (await refusal(circuit)).retry_after_seconds == 300


@pytest.mark.parametrize("seconds", [None, 0])
async def test_without_a_time_there_is_no_pause(circuit: Circuit, seconds: float | None) -> None:
    await fail(circuit, asked_to_wait(seconds))
    assert circuit.state() == {"circuit": "closed"}
    await circuit.check()


async def test_a_pause_does_not_end_an_outage(circuit: Circuit) -> None:
    await fail_while_out(circuit, BILLING, asked_to_wait(30))
    assert circuit.state()["circuit"] == "open"
    assert (await refusal(circuit)).fault is BILLING.fault


async def test_an_outage_takes_the_place_of_a_pause(circuit: Circuit) -> None:
    await fail_while_out(circuit, asked_to_wait(30), BILLING)
    assert circuit.state()["circuit"] == "open"
    assert (await refusal(circuit)).fault is BILLING.fault


async def test_a_probe_that_is_asked_to_wait_lets_the_next_one_try_after_that(
    circuit: Circuit, clock: HandClock
) -> None:
    await fail(circuit)
    clock.forward(60)
    await fail(circuit, asked_to_wait(30))
    assert (await refusal(circuit)).fault is BILLING.fault
    clock.forward(30)
    async with circuit.call():
        pass
    assert circuit.state() == {"circuit": "closed"}
