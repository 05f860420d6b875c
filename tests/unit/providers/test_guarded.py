from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from service.domain.faults import Fault, ProviderFaultError
from service.limits.local import LocalLimits, LocalOutages
from service.ports.provider import Caller, Ticket
from service.providers.circuit import Circuit
from service.providers.concurrency import Limiter
from service.providers.guarded import GuardedProvider
from service.providers.openai import OpenAIProvider
from service.providers.prices import Prices
from tests.contract.provider_suite import task
from tests.servers.images_replies import REPLIES, Reply
from tests.servers.openai_images import ImagesServer
from tests.unit.providers.clocks import HandClock


@pytest.fixture
def server() -> Iterator[ImagesServer]:
    with ImagesServer() as server:
        yield server


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def provider(server: ImagesServer, clock: HandClock):
    openai = OpenAIProvider(api_key="sk-test", base_url=server.url, models=("gpt-image-2",), prices=Prices.load())
    circuit = Circuit("openai", outages=LocalOutages(), clock=clock, open_seconds=60)
    limiter = Limiter("calls", most=4, limits=LocalLimits(clock), clock=clock)
    guarded = GuardedProvider(openai, circuit=circuit, limiter=limiter)
    yield guarded
    await guarded.close()


async def ask(provider: GuardedProvider, *, bulk: bool = False) -> None:
    async with provider.admission(Caller(tenant="t", bulk=bulk)):
        await provider.start(task())


async def fault_of(provider: GuardedProvider) -> ProviderFaultError:
    with pytest.raises(ProviderFaultError) as raised:
        await ask(provider)
    return raised.value


async def test_a_billing_failure_is_not_asked_for_again(server: ImagesServer, provider: GuardedProvider) -> None:
    server.script("billing_hard_limit")
    first, second = await fault_of(provider), await fault_of(provider)
    assert first.called
    assert not second.called
    assert (second.fault, second.code) == (Fault.BILLING_EXHAUSTED, "billing_hard_limit_reached")
    assert len(server.calls) == 1
    assert (await provider.state())["circuit"] == "open"


async def test_of_many_at_once_only_those_already_out_meet_it(server: ImagesServer, provider: GuardedProvider) -> None:
    server.script(*["billing_hard_limit"] * 50)
    outcomes = await asyncio.gather(*(fault_of(provider) for _ in range(50)))
    assert {outcome.fault for outcome in outcomes} == {Fault.BILLING_EXHAUSTED}
    assert len(server.calls) <= 4


async def test_one_probe_finds_out_whether_it_is_paid_again(
    server: ImagesServer, provider: GuardedProvider, clock: HandClock
) -> None:
    server.script("billing_hard_limit", "hang")
    await fault_of(provider)
    clock.forward(60)
    asked = [asyncio.create_task(ask(provider)) for _ in range(4)]
    while len(server.calls) < 2:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert len(server.calls) == 2  # the others wait for what the probe tells
    server.release()
    await asyncio.gather(*asked)
    assert len(server.calls) == 5
    assert (await provider.state())["circuit"] == "closed"


async def test_a_probe_that_is_refused_speaks_for_those_who_waited(
    server: ImagesServer, provider: GuardedProvider, clock: HandClock
) -> None:
    server.script(always="billing_hard_limit")
    await fault_of(provider)
    clock.forward(60)
    outcomes = await asyncio.gather(*(fault_of(provider) for _ in range(4)))
    assert [outcome.called for outcome in outcomes].count(True) == 1
    assert len(server.calls) == 2


async def test_a_rate_limit_lowers_the_concurrency(server: ImagesServer, provider: GuardedProvider) -> None:
    server.script("slow_down")
    await fault_of(provider)
    assert await provider.state() == {"circuit": "closed", "concurrency_limit": 2, "in_flight": 0, "waiting": 0}
    server.forget()
    server.script(always=Reply(delay_seconds=0.05))
    await asyncio.gather(*(ask(provider) for _ in range(4)))
    assert server.most_in_flight == 2


@pytest.mark.parametrize("name", ["rate_limited", "overloaded"])
async def test_a_pause_that_was_asked_for_holds_for_everybody(
    server: ImagesServer, provider: GuardedProvider, clock: HandClock, name: str
) -> None:
    server.script(replace(REPLIES[name], headers={"retry-after": "20"}))
    first = await fault_of(provider)
    clock.forward(5)
    second = await fault_of(provider)
    assert (second.fault, second.called, second.retry_after_seconds) == (first.fault, False, 15)
    assert (await provider.state())["paused_until"] == "2026-11-21T12:00:20+00:00"
    assert len(server.calls) == 1
    clock.forward(15)
    await ask(provider)
    assert "paused_until" not in await provider.state()


async def test_who_had_its_turn_before_the_pause_is_not_kept_in_its_slot(
    server: ImagesServer, provider: GuardedProvider
) -> None:
    server.script(*[replace(REPLIES["rate_limited"], delay_seconds=0.1)] * 4)
    outcomes = await asyncio.gather(*(fault_of(provider) for _ in range(12)))
    assert [outcome.called for outcome in outcomes].count(True) == 4
    assert len(server.calls) == 4
    assert (await provider.state())["in_flight"] == 0


async def test_calls_in_bulk_do_not_take_every_slot(server: ImagesServer, provider: GuardedProvider) -> None:
    server.script(always=Reply(delay_seconds=0.05))
    await asyncio.gather(*(ask(provider, bulk=True) for _ in range(12)))
    assert server.most_in_flight == 3


async def test_it_speaks_for_the_provider_behind_it(provider: GuardedProvider) -> None:
    assert provider.name == "openai"
    assert provider.capabilities.paid
    assert await provider.estimate({}) == pytest.approx(0.3165)
    await provider.ping()
    with pytest.raises(ProviderFaultError, match="no ticket"):
        await provider.collect(task(), Ticket(id="7", poll_after_seconds=0))
