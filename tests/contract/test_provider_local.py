from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.imaging.pool import PillowImaging
from service.ports.provider import Provider
from service.providers.local import LocalProvider
from tests.contract.provider_suite import ProviderSuite


class TestLocal(ProviderSuite):
    @asynccontextmanager
    async def made(self) -> AsyncIterator[Provider]:
        imaging = PillowImaging(workers=1, max_bytes=10_000_000, max_pixels=10_000_000)
        try:
            yield LocalProvider(imaging)
        finally:
            await imaging.close()
