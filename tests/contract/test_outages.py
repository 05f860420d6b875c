"""Every place where outages are kept, and the circuits of several processes that go by them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest

from service.domain.faults import Fault, ProviderFaultError
from service.ledger.outages import SqlOutages
from service.limits.local import LocalOutages
from service.ports.limits import Outage, Outages
from service.providers.circuit import Circuit
from tests.contract.ledger_suite import database_of, home_at
from tests.contract.limit_suite import RealClock

NOW = datetime(2026, 11, 21, 8, 0, 0, 123456, tzinfo=UTC)
OUTAGE = Outage(
    fault=Fault.BILLING_EXHAUSTED,
    message="no money",
    code="billing_hard_limit_reached",
    http_status=400,
    open_until=NOW,
)
PROBED = Outage(
    fault=Fault.AUTH, message="no", code=None, http_status=None, open_until=NOW, probe_until=NOW + timedelta(seconds=9)
)


def pause(open_until: datetime) -> Outage:
    return Outage(fault=Fault.RATE_LIMITED, message="slow", code=None, http_status=429, open_until=open_until)


class TestEveryPlace:
    @pytest.fixture(params=["memory", "postgres", "sqlite"])
    async def outages(self, request: pytest.FixtureRequest) -> AsyncIterator[Outages]:
        if request.param == "memory":
            yield LocalOutages()
            return
        async with home_at(database_of(request)) as home:
            yield SqlOutages(home.database)

    async def test_what_was_put_is_there_and_nothing_elsewhere(self, outages: Outages) -> None:
        assert await outages.get("openai") is None
        await outages.put("openai", OUTAGE)
        assert await outages.get("openai") == OUTAGE
        assert await outages.get("other") is None

    async def test_a_later_one_takes_its_place(self, outages: Outages) -> None:
        await outages.put("openai", OUTAGE)
        await outages.put("openai", PROBED)
        assert await outages.get("openai") == PROBED

    async def test_it_is_changed_and_ended_by_who_knows_it(self, outages: Outages) -> None:
        await outages.put("openai", OUTAGE)
        assert await outages.replace("openai", OUTAGE, PROBED)
        assert not await outages.replace("openai", OUTAGE, None)
        assert await outages.get("openai") == PROBED
        assert await outages.replace("openai", PROBED, None)
        assert await outages.get("openai") is None
        assert not await outages.replace("openai", PROBED, OUTAGE)

    async def test_of_several_that_change_it_at_once_one_does(self, outages: Outages) -> None:
        await outages.put("openai", OUTAGE)
        changed = await asyncio.gather(*(outages.replace("openai", OUTAGE, PROBED) for _ in range(6)))
        assert sorted(changed) == [False] * 5 + [True]

    async def test_a_pause_is_begun_where_nothing_stronger_is(self, outages: Outages) -> None:
        short, long = (pause(NOW + timedelta(seconds=seconds)) for seconds in (5, 9))
        assert await outages.pause("openai", short)
        assert await outages.pause("openai", long)
        assert not await outages.pause("openai", short)
        assert not await outages.pause("openai", long)
        assert await outages.get("openai") == long
        await outages.put("openai", OUTAGE)
        assert not await outages.pause("openai", long)
        assert await outages.get("openai") == OUTAGE


@asynccontextmanager
async def circuits_at(url: str, *, open_seconds: float) -> AsyncIterator[Sequence[Circuit]]:
    async with home_at(url) as one, home_at(url) as two, home_at(url) as three:
        yield [
            Circuit("openai", outages=SqlOutages(home.database), clock=RealClock(), open_seconds=open_seconds)
            for home in (one, two, three)
        ]


class TestCircuitsOfAFleet:
    @pytest.fixture
    async def circuits(self, postgres_url: str) -> AsyncIterator[Sequence[Circuit]]:
        """Of three processes, which open for an hour."""
        async with circuits_at(postgres_url, open_seconds=3600) as circuits:
            yield circuits

    @pytest.fixture
    async def short_circuits(self, postgres_url: str) -> AsyncIterator[Sequence[Circuit]]:
        """Of three processes, which open for a second."""
        async with circuits_at(postgres_url, open_seconds=1) as circuits:
            yield circuits

    async def test_what_one_finds_out_keeps_the_others_from_asking(self, circuits: Sequence[Circuit]) -> None:
        first, *others = circuits
        await refused(first)
        for circuit in others:
            with pytest.raises(ProviderFaultError, match="no money") as raised:
                await circuit.check()
            assert (raised.value.called, raised.value.code) == (False, "billing_hard_limit_reached")
            assert circuit.state()["circuit"] == "open"

    async def test_one_of_all_finds_out_whether_it_is_over(self, short_circuits: Sequence[Circuit]) -> None:
        circuits = short_circuits
        await refused(circuits[0])
        out = most_out = calls = 0
        probed = asyncio.Event()

        async def call(circuit: Circuit) -> None:
            nonlocal out, most_out, calls
            async with circuit.call():
                calls += 1
                out += 1
                if not probed.is_set():
                    most_out = max(most_out, out)
                    await asyncio.sleep(0.5)
                    probed.set()
                out -= 1

        await asyncio.sleep(1.1)
        async with asyncio.timeout(30):
            await asyncio.gather(*(call(circuit) for circuit in circuits for _ in range(5)))
        assert most_out == 1
        assert calls == 15
        assert {circuit.state()["circuit"] for circuit in circuits} == {"closed"}

    async def test_what_one_is_asked_for_all_heed(self, circuits: Sequence[Circuit]) -> None:
        first, *others = circuits
        await paused(first, seconds=100)
        for circuit in others:
            with pytest.raises(ProviderFaultError, match="has asked for a pause") as raised:
                await circuit.check()
            assert (raised.value.fault, raised.value.called) == (Fault.RATE_LIMITED, False)
            assert 0 < (raised.value.retry_after_seconds or 0) <= 100
            assert circuit.state()["circuit"] == "closed"
            assert "paused_until" in circuit.state()

    async def test_what_one_was_asked_for_ends(self, circuits: Sequence[Circuit]) -> None:
        await paused(circuits[0], seconds=1)
        await asyncio.gather(*(circuit.look() for circuit in circuits))
        await asyncio.sleep(1.1)
        for circuit in circuits:
            await circuit.check()
            assert circuit.state() == {"circuit": "closed"}

    async def test_of_pauses_that_several_are_asked_for_at_once_the_longest_counts(
        self, circuits: Sequence[Circuit]
    ) -> None:
        out = asyncio.Barrier(3)
        await asyncio.gather(
            *(
                paused(circuit, seconds=seconds, out=out)
                for circuit, seconds in zip(circuits, (20, 60, 40), strict=True)
            )
        )
        await asyncio.sleep(0.2)  # what was seen last is good for a moment
        await asyncio.gather(*(circuit.look() for circuit in circuits))
        ends = {datetime.fromisoformat(circuit.state()["paused_until"]) for circuit in circuits}
        assert len(ends) == 1
        assert ends.pop() - datetime.now(UTC) > timedelta(seconds=41)


async def refused(circuit: Circuit) -> None:
    fault = ProviderFaultError(Fault.BILLING_EXHAUSTED, "no money", code="billing_hard_limit_reached", http_status=400)
    with pytest.raises(ProviderFaultError):
        async with circuit.call():
            raise fault


async def paused(circuit: Circuit, *, seconds: float, out: asyncio.Barrier | None = None) -> None:
    """Have a call be told to pause, together with those who wait at the barrier."""
    fault = ProviderFaultError(Fault.RATE_LIMITED, "slow down", retry_after_seconds=seconds)
    with suppress(ProviderFaultError):
        async with circuit.call():
            if out is not None:
                await out.wait()
            raise fault
