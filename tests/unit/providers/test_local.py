from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from PIL import Image

from service.domain.faults import Fault, ProviderFaultError
from service.domain.pictures import PictureFormat, PictureRefusedError
from service.imaging.pool import PillowImaging
from service.ports.imaging import Picture
from service.ports.provider import Ticket
from service.providers.local import LocalProvider
from tests.contract.provider_suite import picture, task


@pytest.fixture
async def local() -> AsyncIterator[LocalProvider]:
    imaging = PillowImaging(workers=1, max_bytes=1_000_000, max_pixels=4_000_000)
    yield LocalProvider(imaging)
    await imaging.close()


async def test_it_passes_on_what_was_not_understood(local: LocalProvider) -> None:
    result = await local.start(task(prompt="xyzzy plugh"))
    assert result.warnings
    assert result.model is None
    assert result.cost_usd == 0


async def test_a_fallback_is_marked(local: LocalProvider) -> None:
    source = task(pictures=(picture(width=400, height=300),))
    plain = await local.start(source)
    marked = await local.fallback(source, label="Local fallback: rate limited")
    assert plain.data != marked.data


async def test_automatic_size_is_the_size_of_the_source(local: LocalProvider) -> None:
    result = await local.start(task(parameters={"size": "auto"}))
    with Image.open(io.BytesIO(result.data)) as image:
        assert image.size == (96, 64)


async def test_compression_is_heeded(local: LocalProvider) -> None:
    source = task(pictures=(picture(width=400, height=300),))
    sizes = [
        len(
            (
                await local.start(replace(source, parameters={"output_format": "jpeg", "output_compression": quality}))
            ).data
        )
        for quality in (5, 95)
    ]
    assert sizes[0] < sizes[1]


async def test_a_source_that_is_no_picture_is_refused_as_such(local: LocalProvider) -> None:
    broken = Picture(data=b"not a picture", format=PictureFormat.PNG, width=1, height=1)
    with pytest.raises(PictureRefusedError):
        await local.start(task(pictures=(broken,)))


async def test_it_gives_no_tickets(local: LocalProvider) -> None:
    with pytest.raises(ProviderFaultError) as raised:
        await local.collect(task(), Ticket(id="7", poll_after_seconds=0))
    assert raised.value.fault is Fault.EMPTY_RESULT
