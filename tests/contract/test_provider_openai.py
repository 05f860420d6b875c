from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from service.limits.local import LocalLimits, LocalOutages
from service.ports.provider import Provider
from service.providers.circuit import Circuit
from service.providers.concurrency import Limiter
from service.providers.guarded import GuardedProvider
from service.providers.openai import OpenAIProvider
from service.providers.prices import Prices
from tests.contract.provider_suite import ProviderSuite
from tests.servers.openai_images import ImagesServer


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class TestOpenAI(ProviderSuite):
    @asynccontextmanager
    async def made(self) -> AsyncIterator[Provider]:
        with ImagesServer() as server:
            yield OpenAIProvider(api_key="sk-test", base_url=server.url, models=("gpt-image-2",), prices=Prices.load())


class TestGuardedOpenAI(TestOpenAI):
    @asynccontextmanager
    async def made(self) -> AsyncIterator[Provider]:
        async with super().made() as provider:
            circuit = Circuit("openai", outages=LocalOutages(), clock=RealClock(), open_seconds=60)
            limiter = Limiter("calls", most=2, limits=LocalLimits(RealClock()), clock=RealClock())
            yield GuardedProvider(provider, circuit=circuit, limiter=limiter)
