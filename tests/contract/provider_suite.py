"""What every provider must do. A test module subclasses `ProviderSuite` and says how to make one."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from PIL import Image

from service.domain.operations import OPERATIONS
from service.domain.pictures import PictureFormat
from service.ports.imaging import Picture
from service.ports.provider import Caller, Provider, Result, Task

CALLER = Caller(tenant="t")
_WIDTH, _HEIGHT = 96, 64


def picture(kind: PictureFormat = PictureFormat.PNG, *, width: int = _WIDTH, height: int = _HEIGHT) -> Picture:
    """A picture with a colour in each corner."""
    image = Image.new("RGB", (2, 2))
    for place, colour in zip(((0, 0), (1, 0), (0, 1), (1, 1)), ("red", "green", "blue", "white"), strict=True):
        image.putpixel(place, {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255)}.get(colour, (255,) * 3))
    file = io.BytesIO()
    image.resize((width, height), Image.Resampling.NEAREST).save(file, kind.value)
    return Picture(data=file.getvalue(), format=kind, width=width, height=height)


def task(**changes: Any) -> Task:
    """A task for any provider."""
    fields: dict[str, Any] = {
        "job_id": "job-1",
        "operation": "edit",
        "prompt": "invert the colours",
        "model": None,
        "pictures": (picture(),),
        "mask": None,
        "parameters": {},
        "timeout_seconds": 20.0,
    }
    return Task(**(fields | changes))


class ProviderSuite:
    """The contract; a subclass overrides `made`."""

    def made(self) -> AbstractAsyncContextManager[Provider]:
        """A working provider."""
        raise NotImplementedError

    @pytest.fixture
    async def provider(self) -> AsyncIterator[Provider]:
        async with self.made() as provider:
            yield provider
            await provider.close()

    def test_it_says_what_it_can(self, provider: Provider) -> None:
        can = provider.capabilities
        assert provider.name.isidentifier()
        assert can.operations
        assert can.operations <= OPERATIONS.keys()
        for operation in can.operations:
            assert can.parameters[operation] <= OPERATIONS[operation].parameters.model_fields.keys()
        assert "png" in can.formats  # what the service asks for where it has to convert
        assert can.formats <= {kind.value for kind in PictureFormat}
        assert PictureFormat.PNG in can.sources.formats

    async def test_it_edits(self, provider: Provider) -> None:
        source = picture()
        async with provider.admission(CALLER):
            result = await provider.start(task(pictures=(source,)))
        assert isinstance(result, Result)
        with Image.open(io.BytesIO(result.data)) as made, Image.open(io.BytesIO(source.data)) as before:
            assert made.size == (_WIDTH, _HEIGHT)
            assert made.convert("RGB").tobytes() != before.convert("RGB").tobytes()

    async def test_it_takes_every_format_that_it_says(self, provider: Provider) -> None:
        for kind in provider.capabilities.sources.formats:
            async with provider.admission(CALLER):
                result = await provider.start(task(pictures=(picture(kind),)))
            assert isinstance(result, Result)

    async def test_it_writes_every_format_that_it_says(self, provider: Provider) -> None:
        for name in sorted(provider.capabilities.formats):
            async with provider.admission(CALLER):
                result = await provider.start(task(parameters={"output_format": name}))
            assert isinstance(result, Result)
            with Image.open(io.BytesIO(result.data)) as made:
                assert str(made.format).lower() == name

    async def test_it_fits_the_picture_to_the_size_that_was_asked_for(self, provider: Provider) -> None:
        async with provider.admission(CALLER):
            result = await provider.start(
                task(pictures=(picture(width=2048, height=2048),), parameters={"size": "1024x1536"})
            )
        assert isinstance(result, Result)
        with Image.open(io.BytesIO(result.data)) as made:
            assert made.width <= 1024
            assert made.height <= 1536
            assert made.width == 1024 or made.height == 1536

    async def test_it_says_what_it_costs(self, provider: Provider) -> None:
        paid = provider.capabilities.paid
        async with provider.admission(CALLER):
            result = await provider.start(task())
        assert isinstance(result, Result)
        assert result.cost_usd is not None
        assert (result.cost_usd > 0) is paid
        estimate = await provider.estimate({"quality": "high"})
        assert estimate is not None
        assert (estimate > 0) is paid

    async def test_it_can_be_reached(self, provider: Provider) -> None:
        await provider.ping()

    async def test_its_state_can_be_shown(self, provider: Provider) -> None:
        assert all(isinstance(name, str) for name in await provider.state())
