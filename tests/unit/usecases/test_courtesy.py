from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from service.domain.pictures import PictureFormat
from service.imaging.pool import PillowImaging
from service.ports.imaging import Encoding, SourceLimits
from service.usecases.courtesy import Courtesy
from tests.integration.scene import picture

PNG = Encoding(format=PictureFormat.PNG)


@pytest.fixture
async def imaging() -> AsyncIterator[PillowImaging]:
    pool = PillowImaging(workers=1, max_bytes=10**8, max_pixels=10**8)
    yield pool
    await pool.close()


async def test_it_passes_everything_on(imaging: PillowImaging) -> None:
    courtesy = Courtesy(imaging, most=1)
    data = picture(30, 20)
    assert courtesy.inspect(data) == imaging.inspect(data) == courtesy.recognize(data)
    limits = SourceLimits(formats=frozenset({PictureFormat.PNG}), max_bytes=10**8)
    assert (await courtesy.prepare(data, limits)).picture.width == 30
    assert (await courtesy.prepare_mask(data, width=3, height=2, max_bytes=10**6)).width == 3
    assert (await courtesy.finish(data, encoding=None)).height == 20
    await courtesy.close()  # of others' workers, which go on
    assert (await courtesy.edit(data, "invert", encoding=PNG, size=None, label=None)).understood


async def test_a_single_picture_passes_those_of_a_batch(imaging: PillowImaging) -> None:
    courtesy, done = Courtesy(imaging, most=1), list[str]()

    async def edit(through: Courtesy | PillowImaging, name: str) -> None:
        await through.edit(picture(600, 600), "blur", encoding=PNG, size=None, label=None)
        done.append(name)

    batch = [asyncio.create_task(edit(courtesy, "batch")) for _ in range(8)]
    await asyncio.sleep(0)
    await edit(imaging, "single")
    await asyncio.gather(*batch)
    assert done.index("single") <= 2
