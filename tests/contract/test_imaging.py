"""What every caller of the imaging port may rely on, with real worker processes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psutil
import pytest

from service.domain.pictures import PictureFault, PictureFormat, PictureInfo, PictureRefusedError
from service.imaging.pool import PillowImaging
from service.imaging.process import WorkersClosedError
from service.ports.imaging import Encoding, Imaging, SourceLimits
from tests.pictures.samples import SECRET, animated, encoded, opened, photograph, picture, scene, with_metadata

USUAL = SourceLimits(
    formats=frozenset({PictureFormat.PNG, PictureFormat.JPEG, PictureFormat.WEBP}), max_bytes=50_000_000
)
PNG = Encoding(format=PictureFormat.PNG)


@pytest.fixture(scope="module")
def imaging() -> Iterator[Imaging]:
    pool = PillowImaging(workers=2, max_bytes=1_000_000, max_pixels=1_000_000, max_frames=5)
    asyncio.run(pool.start())
    yield pool
    asyncio.run(pool.close())


async def test_inspects_in_place(imaging: Imaging) -> None:
    assert imaging.inspect(photograph()) == PictureInfo(format=PictureFormat.JPEG, width=600, height=400)
    with pytest.raises(PictureRefusedError) as refusal:
        imaging.inspect(animated(PictureFormat.GIF, 7))
    assert refusal.value.fault is PictureFault.TOO_MANY_FRAMES


async def test_limits_of_callers_do_not_hold_for_providers(imaging: Imaging) -> None:
    made = encoded(scene(1200, 1000), PictureFormat.PNG, compress_level=0)
    with pytest.raises(PictureRefusedError):
        imaging.inspect(made)
    assert imaging.recognize(made).width == 1200
    assert (await imaging.finish(made, encoding=None)).data == made
    with pytest.raises(PictureRefusedError):
        imaging.recognize(b"not at all")


async def test_prepares_a_source(imaging: Imaging) -> None:
    kept = await imaging.prepare(photograph(), USUAL)
    assert kept.picture.data == photograph()
    turned = await imaging.prepare(with_metadata(PictureFormat.JPEG, orientation=6), USUAL)
    assert (turned.picture.width, turned.picture.height) == (40, 60)
    assert SECRET not in turned.picture.data
    assert turned.changes == ("turned upright as its orientation tag says",)


async def test_bytes_that_conversion_added_are_not_held_against_a_picture(imaging: Imaging) -> None:
    bitmap = encoded(scene(700, 450), PictureFormat.BMP)
    assert len(bitmap) < 1_000_000 < len(bitmap) * 3
    prepared = await imaging.prepare(bitmap, USUAL)
    edited = await imaging.edit(prepared.picture.data, "double the size", encoding=PNG, size=None, label=None)
    assert "too large" in edited.warnings[-1]


async def test_prepares_a_mask(imaging: Imaging) -> None:
    mask = await imaging.prepare_mask(picture(PictureFormat.PNG, "L"), width=600, height=400, max_bytes=4_000_000)
    assert opened(mask.data).mode == "RGBA"
    assert opened(mask.data).size == (600, 400)


async def test_edits(imaging: Imaging) -> None:
    edit = await imaging.edit(photograph(), "make it black and white", encoding=PNG, size=(300, 300), label="marked")
    assert (edit.understood, edit.applied, edit.warnings) == (True, ("turned black and white",), ())
    assert (edit.picture.width, edit.picture.height) == (300, 200)
    assert opened(edit.picture.data).info["Description"] == "marked"


async def test_finishes(imaging: Imaging) -> None:
    assert (await imaging.finish(photograph(), encoding=None)).data == photograph()
    webp = await imaging.finish(photograph(), encoding=Encoding(format=PictureFormat.WEBP))
    assert opened(webp.data).format == "WEBP"


async def test_many_at_once_wait_their_turn(imaging: Imaging) -> None:
    prompts = ["sepia", "flip it", "make the car red"] * 10
    edits = await asyncio.gather(
        *[imaging.edit(photograph(), prompt, encoding=PNG, size=None, label=None) for prompt in prompts]
    )
    assert [edit.understood for edit in edits] == [True, True, False] * 10


async def test_starts_by_itself_when_first_needed_and_leaves_nothing() -> None:
    before = {child.pid for child in psutil.Process().children()}
    pool = PillowImaging(workers=2, max_bytes=1_000_000, max_pixels=1_000_000)
    assert {child.pid for child in psutil.Process().children()} == before
    await pool.finish(photograph(), encoding=None)
    assert len({child.pid for child in psutil.Process().children()} - before) == 1
    await pool.close()
    assert {child.pid for child in psutil.Process().children()} == before


async def test_closing_ends_what_runs_and_what_waits() -> None:
    pool = PillowImaging(workers=1, max_bytes=10**8, max_pixels=10**8)
    before = set(psutil.Process().children())
    await pool.start()
    (worker,) = set(psutil.Process().children()) - before
    large = encoded(scene(4000, 3000), PictureFormat.BMP)
    prompt = ", ".join(["blur strongly", "sharpen"] * 12)
    calls = [
        asyncio.create_task(pool.edit(large, prompt, encoding=PNG, size=None, label=None)),
        asyncio.create_task(pool.finish(photograph(), encoding=None)),
    ]
    while worker.memory_info().rss < 100_000_000:  # it has not begun
        await asyncio.sleep(0.005)
    worker.suspend()  # from now on it would not end by itself
    await pool.close()
    running, waiting = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(running, WorkersClosedError)
    assert isinstance(waiting, asyncio.CancelledError)


async def test_one_that_nobody_waits_for_any_more_does_not_hold_up_others(imaging: Imaging) -> None:
    calls = [asyncio.create_task(imaging.finish(photograph(), encoding=None)) for _ in range(50)]
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    assert (await imaging.finish(photograph(), encoding=None)).width == 600
    await asyncio.gather(*calls, return_exceptions=True)
