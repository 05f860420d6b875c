from __future__ import annotations

import pytest

from service.domain.faults import Fault, ProviderFaultError
from service.providers.circuit import Circuit
from tests.unit.providers.clocks import HandClock

BILLING = ProviderFaultError(
    Fault.BILLING_EXHAUSTED, "no money", code="billing_hard_limit_reached", http_status=400, request_id="req_1"
)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def circuit(clock: HandClock) -> Circuit:
    return Circuit(clock=clock, open_seconds=60)


def fail(circuit: Circuit, error: BaseException = BILLING) -> None:
    with pytest.raises(type(error)), circuit.call():
        raise error


def refusal(circuit: Circuit) -> ProviderFaultError:
    with pytest.raises(ProviderFaultError) as raised, circuit.call():
        pytest.fail("the call was made")
    assert not raised.value.called
    return raised.value


def test_closed_it_lets_everybody_through(circuit: Circuit) -> None:
    with circuit.call(), circuit.call():
        pass
    assert circuit.state() == {"circuit": "closed"}


@pytest.mark.parametrize("fault", [Fault.BILLING_EXHAUSTED, Fault.QUOTA_DAILY, Fault.AUTH])
def test_what_every_call_would_meet_opens_it(circuit: Circuit, fault: Fault) -> None:
    fail(circuit, ProviderFaultError(fault, "no"))
    assert refusal(circuit).fault is fault


@pytest.mark.parametrize("fault", sorted(set(Fault) - {Fault.BILLING_EXHAUSTED, Fault.QUOTA_DAILY, Fault.AUTH}))
def test_nothing_else_opens_it(circuit: Circuit, fault: Fault) -> None:
    fail(circuit, ProviderFaultError(fault, "no"))
    assert circuit.state() == {"circuit": "closed"}


def test_open_it_repeats_the_refusal_without_the_request(circuit: Circuit) -> None:
    fail(circuit)
    repeated = refusal(circuit)
    assert (repeated.fault, repeated.code, repeated.message) == (BILLING.fault, BILLING.code, BILLING.message)
    assert repeated.request_id is None
    assert circuit.state() == {
        "circuit": "open",
        "circuit_reason": "billing_exhausted",
        "circuit_code": "billing_hard_limit_reached",
        "circuit_open_until": "2026-11-21T12:01:00+00:00",
    }


def test_its_own_refusals_do_not_keep_it_open(circuit: Circuit, clock: HandClock) -> None:
    fail(circuit)
    clock.forward(59)
    fail(circuit, refusal(circuit))
    clock.forward(1)
    circuit.check()


def test_half_open_it_lets_one_probe_through(circuit: Circuit, clock: HandClock) -> None:
    fail(circuit)
    clock.forward(60)
    assert circuit.state()["circuit"] == "half_open"
    with circuit.call():
        refusal(circuit)
        with pytest.raises(ProviderFaultError):
            circuit.check()


def test_a_probe_that_succeeds_closes_it(circuit: Circuit, clock: HandClock) -> None:
    fail(circuit)
    clock.forward(60)
    with circuit.call():
        pass
    assert circuit.state() == {"circuit": "closed"}
    with circuit.call(), circuit.call():
        pass


def test_a_probe_that_is_refused_opens_it_anew(circuit: Circuit, clock: HandClock) -> None:
    fail(circuit)
    clock.forward(60)
    fail(circuit)
    clock.forward(59)
    refusal(circuit)
    clock.forward(1)
    circuit.check()


@pytest.mark.parametrize("ending", [ProviderFaultError(Fault.OVERLOADED, "busy"), KeyboardInterrupt()])
def test_a_probe_that_tells_nothing_gives_its_place_to_the_next(
    circuit: Circuit, clock: HandClock, ending: BaseException
) -> None:
    fail(circuit)
    clock.forward(60)
    fail(circuit, ending)
    assert circuit.state()["circuit"] == "half_open"
    with circuit.call():
        pass
    assert circuit.state() == {"circuit": "closed"}


def test_the_success_of_a_call_from_before_does_not_close_it(circuit: Circuit) -> None:
    with circuit.call():
        fail(circuit)
    refusal(circuit)


def test_a_quota_keeps_it_open_until_its_reset(circuit: Circuit, clock: HandClock) -> None:
    fail(circuit, ProviderFaultError(Fault.QUOTA_DAILY, "tomorrow", retry_after_seconds=3600))
    clock.forward(3599)
    refusal(circuit)
    clock.forward(1)
    circuit.check()


async def test_nobody_waits_for_a_probe_for_ever(clock: HandClock) -> None:
    circuit = Circuit(clock=clock, open_seconds=60, probe_seconds=0.01)
    with pytest.raises(ProviderFaultError), circuit.call():
        raise ProviderFaultError(Fault.AUTH, "no")
    clock.forward(60)
    with circuit.call():
        await circuit.probed()
        with pytest.raises(ProviderFaultError):
            circuit.check()
    circuit.check()
