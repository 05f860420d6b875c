"""The application over an in-memory world, asked in process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack

import httpx
import pytest
import structlog
from structlog.testing import capture_logs

from service.api.app import create_app
from service.api.options import ApiOptions
from tests.unit.api.world import World

Ask = Callable[..., httpx.AsyncClient]


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[structlog.typing.EventDict]]:
    """What was logged, in place of printing it."""
    with capture_logs() as captured:
        yield captured


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def ask(world: World) -> AsyncIterator[Ask]:
    """Makes clients: ``ask()``, or ``ask(options=ApiOptions(…), files=…)``."""
    async with AsyncExitStack() as stack:

        def client(*, options: ApiOptions | None = None, **changed: object) -> httpx.AsyncClient:
            app = create_app(world.services(**changed), options or ApiOptions(public_url="https://img.example"))
            made = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://img.example")
            stack.push_async_callback(made.aclose)
            return made

        yield client


@pytest.fixture
def client(ask: Ask) -> httpx.AsyncClient:
    return ask()
