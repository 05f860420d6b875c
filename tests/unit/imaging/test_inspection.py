from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.pictures import PictureFault, PictureFormat, PictureInfo, PictureRefusedError
from service.imaging.inspection import PictureLimits, check_pixels, inspect
from tests.effort import lines_run, most_bytes
from tests.pictures.hostile import BY_HEADER, BY_PIXELS, ODD_BUT_GOOD
from tests.pictures.samples import FORMATS_AND_MODES, animated, photograph, picture

LIMITS = PictureLimits(max_bytes=30_000_000, max_pixels=40_000_000, max_frames=1_000)


@pytest.mark.parametrize(("format_", "mode"), FORMATS_AND_MODES)
def test_reads_the_header_of_every_format_and_mode(format_: PictureFormat, mode: str) -> None:
    assert inspect(picture(format_, mode), LIMITS) == PictureInfo(format=format_, width=60, height=40)


@pytest.mark.parametrize("format_", [PictureFormat.GIF, PictureFormat.PNG, PictureFormat.WEBP, PictureFormat.TIFF])
@pytest.mark.parametrize("frames", [2, 7])
def test_counts_frames_and_pages(format_: PictureFormat, frames: int) -> None:
    assert inspect(animated(format_, frames), LIMITS).frames == frames


def test_counts_the_frames_of_an_image_sequence() -> None:
    assert inspect(animated(PictureFormat.AVIF, 5), LIMITS).frames == 5


@pytest.mark.parametrize("name", BY_HEADER)
def test_refuses_by_the_header(name: str) -> None:
    hostile = BY_HEADER[name]
    with pytest.raises(PictureRefusedError) as refusal:
        inspect(hostile.make(), LIMITS)
    assert refusal.value.fault is hostile.fault
    assert hostile.says in refusal.value.message


@pytest.mark.parametrize("name", [*BY_PIXELS, *ODD_BUT_GOOD])
def test_what_only_pixels_give_away_passes(name: str) -> None:
    make = {**BY_PIXELS, **ODD_BUT_GOOD}[name]
    assert inspect(make(), LIMITS).width > 0


@pytest.mark.parametrize("name", [*BY_HEADER, *ODD_BUT_GOOD])
def test_takes_a_millisecond_s_work_whatever_comes(name: str) -> None:
    data = {**{name: one.make for name, one in BY_HEADER.items()}, **ODD_BUT_GOOD}[name]()

    def look() -> None:
        with suppress(PictureRefusedError):
            inspect(data, LIMITS)

    assert lines_run(look) < 50_000
    assert most_bytes(look) < 10_000  # no copy of what may be tens of megabytes


def test_takes_next_to_nothing_for_a_photograph() -> None:
    data = photograph()
    assert lines_run(lambda: inspect(data, LIMITS)) < 200


def test_limits_hold_exactly() -> None:
    data = picture(PictureFormat.PNG)
    exact = PictureLimits(max_bytes=len(data), max_pixels=60 * 40, max_frames=1)
    inspect(data, exact)
    for limits, fault in (
        (PictureLimits(max_bytes=len(data) - 1, max_pixels=2_400, max_frames=1), PictureFault.TOO_MANY_BYTES),
        (PictureLimits(max_bytes=len(data), max_pixels=2_399, max_frames=1), PictureFault.TOO_MANY_PIXELS),
    ):
        with pytest.raises(PictureRefusedError) as refusal:
            inspect(data, limits)
        assert refusal.value.fault is fault


@pytest.mark.parametrize("format_", [PictureFormat.GIF, PictureFormat.PNG, PictureFormat.WEBP, PictureFormat.TIFF])
def test_too_many_frames(format_: PictureFormat) -> None:
    limits = PictureLimits(max_bytes=10**6, max_pixels=10**6, max_frames=2)
    inspect(animated(format_, 2), limits)
    with pytest.raises(PictureRefusedError) as refusal:
        inspect(animated(format_, 4), limits)
    assert refusal.value.fault is PictureFault.TOO_MANY_FRAMES


def test_size_must_be_something() -> None:
    check_pixels(1, 1, 1)
    with pytest.raises(PictureRefusedError):
        check_pixels(0, 1, 1)


_GENUINE = [picture(format_, mode) for format_, mode in FORMATS_AND_MODES] + [
    animated(format_) for format_ in (PictureFormat.GIF, PictureFormat.PNG, PictureFormat.WEBP, PictureFormat.AVIF)
]


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(_GENUINE)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, min(len(data), 400) - 1))
        data[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
        if not data:
            break
    return bytes(data[: draw(st.integers(0, len(data)))])


@given(_mutated() | st.binary(max_size=300))
def test_raises_nothing_else_whatever_the_bytes(data: bytes) -> None:
    try:
        info = inspect(data, LIMITS)
    except PictureRefusedError:
        return
    assert 0 < info.width * info.height <= LIMITS.max_pixels
