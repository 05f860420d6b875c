from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageCms

from service.domain.pictures import PictureFault, PictureFormat, PictureInfo, PictureRefusedError
from service.imaging.decoding import decode, intact_jpeg
from service.imaging.inspection import PictureLimits, inspect
from service.imaging.preparing import prepare
from service.imaging.requests import Prepare
from service.ports.imaging import Picture, Prepared, SourceLimits
from tests.pictures.hostile import truncated
from tests.pictures.samples import (
    FORMATS_AND_MODES,
    SECRET,
    animated,
    encoded,
    in_mode,
    opened,
    photograph,
    picture,
    scene,
    with_metadata,
)

ALL = PictureLimits(max_bytes=10**8, max_pixels=10**8, max_frames=100)
USUAL = frozenset({PictureFormat.PNG, PictureFormat.JPEG, PictureFormat.WEBP})


def prepared(data: bytes, **limits: Any) -> Prepared:
    asked = SourceLimits(**{"formats": USUAL, "max_bytes": 10**7, **limits})
    info = inspect(data, ALL)
    as_it_came = Prepared(picture=Picture(data=data, format=info.format, width=info.width, height=info.height))
    result = prepare(Prepare(data=data, info=info, max_pixels=10**8, limits=asked)) or as_it_came
    image = opened(result.picture.data)
    assert (image.width, image.height) == (result.picture.width, result.picture.height)
    assert image.format == result.picture.format.name
    assert len(result.picture.data) <= asked.max_bytes
    return result


@pytest.mark.parametrize("format_", sorted(USUAL))
def test_what_is_acceptable_keeps_its_bytes(format_: PictureFormat) -> None:
    data = picture(format_)
    assert prepared(data).picture.data == data
    assert prepared(data).changes == ()


@pytest.mark.parametrize("format_", sorted(USUAL))
def test_metadata_is_cut_out_without_encoding_anew(format_: PictureFormat) -> None:
    result = prepared(with_metadata(format_))
    assert SECRET not in result.picture.data
    assert result.changes == ()


def test_the_usual_profile_is_cut_out_too() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    result = prepared(encoded(scene(), PictureFormat.JPEG, icc_profile=profile))
    assert result.picture.data == picture(PictureFormat.JPEG)
    assert result.changes == ()


def test_a_damaged_jpeg_is_refused_whether_or_not_it_is_converted() -> None:
    for data in (truncated(PictureFormat.JPEG), encoded(scene(), PictureFormat.JPEG, progressive=True)[:-300]):
        for limits in ({}, {"max_side": 10}):
            with pytest.raises(PictureRefusedError) as refusal:
                prepared(data, **limits)
            assert refusal.value.fault is PictureFault.DAMAGED


def test_a_jpeg_is_as_damaged_by_its_first_rows_as_by_all_of_them() -> None:
    randomly = random.Random(20)  # noqa: S311 - damages pictures
    refused = 0
    for whole in (photograph(), encoded(scene(600, 400), PictureFormat.JPEG, restart_marker_rows=1)):
        for _ in range(100):
            data = damaged(whole, randomly)
            info = inspect(whole, ALL)
            by_the_first_rows = fault(intact_jpeg, data, info)
            assert by_the_first_rows == fault(decode, data, info)
            refused += by_the_first_rows is not None
    assert 20 < refused < 180


def damaged(data: bytes, randomly: random.Random) -> bytes:
    """With a run of random bytes somewhere behind the headers, or cut off there."""
    position = randomly.randrange(data.index(b"\xff\xda") + 14, len(data) - 200)
    rest = randomly.choice((data[position + 40 :], b"", b"\xff\xd9"))
    return data[:position] + randomly.randbytes(40) + rest


def fault(decoding: Callable[..., object], data: bytes, info: PictureInfo) -> PictureFault | None:
    """Why a picture is refused, None when it is not."""
    try:
        decoding(data, info, 10**8)
    except PictureRefusedError as refusal:
        return refusal.fault
    return None


@pytest.mark.parametrize(("format_", "mode"), FORMATS_AND_MODES)
def test_every_format_and_mode_becomes_acceptable(format_: PictureFormat, mode: str) -> None:
    result = prepared(picture(format_, mode))
    assert result.picture.format in USUAL
    assert opened(result.picture.data).mode in {"L", "RGB", "RGBA"}
    if result.picture.format is not format_:
        assert any(change.startswith("converted from") and change.endswith("PNG") for change in result.changes)


@pytest.mark.parametrize("format_", [PictureFormat.BMP, PictureFormat.TIFF, PictureFormat.GIF, PictureFormat.AVIF])
def test_others_become_png(format_: PictureFormat) -> None:
    result = prepared(picture(format_))
    assert result.picture.format is PictureFormat.PNG
    assert f"converted from {format_.name} to PNG" in result.changes


def test_orientation_is_applied_and_said() -> None:
    result = prepared(with_metadata(PictureFormat.JPEG, orientation=6))
    assert (result.picture.width, result.picture.height) == (40, 60)
    assert result.picture.format is PictureFormat.JPEG
    assert result.changes == ("turned upright as its orientation tag says",)
    assert SECRET not in result.picture.data


def test_of_an_animation_the_first_frame_remains() -> None:
    result = prepared(animated(PictureFormat.GIF))
    assert result.changes[0] == "only the first frame is used, the picture has more"


def test_large_sides_are_scaled_down() -> None:
    result = prepared(photograph(), max_side=300)
    assert (result.picture.width, result.picture.height) == (300, 200)
    assert result.changes == ("scaled from 600 x 400 to 300 x 200 pixels",)


def noise(mode: str = "RGB") -> Image.Image:
    return Image.effect_noise((400, 300), 120).convert(mode)


def test_too_many_bytes_of_png_become_jpeg() -> None:
    result = prepared(encoded(noise(), PictureFormat.PNG), max_bytes=70_000)
    assert result.picture.format is PictureFormat.JPEG
    assert "converted from PNG to JPEG" in result.changes


def test_too_many_bytes_of_jpeg_are_compressed_anew_and_then_scaled() -> None:
    data = encoded(noise(), PictureFormat.JPEG, quality=100)
    again = prepared(data, max_bytes=len(data) - 1)
    assert again.changes == ("compressed anew to have fewer bytes",)
    smaller = prepared(data, max_bytes=20_000)
    assert smaller.picture.width < 400
    assert smaller.changes[-1].startswith("scaled from 400 x 300 to ")


def test_too_many_bytes_with_transparency_become_webp() -> None:
    image = noise()
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    result = prepared(encoded(image, PictureFormat.PNG), max_bytes=70_000)
    assert result.picture.format is PictureFormat.WEBP
    assert opened(result.picture.data).mode == "RGBA"


def test_transparency_stays_in_png_where_nothing_else_holds_it() -> None:
    image = in_mode(noise(), "RGBA")
    result = prepared(
        encoded(image, PictureFormat.PNG),
        max_bytes=50_000,
        formats=frozenset({PictureFormat.PNG, PictureFormat.JPEG}),
    )
    assert result.picture.format is PictureFormat.PNG
    assert result.picture.width < 400


def test_where_only_jpeg_is_taken_transparency_goes_on_white() -> None:
    result = prepared(encoded(in_mode(scene(), "RGBA"), PictureFormat.PNG), formats=frozenset({PictureFormat.JPEG}))
    assert result.changes == ("converted from PNG to JPEG", "put on white, for the format holds no transparency")
    assert min(opened(result.picture.data).getpixel((5, 5))) > 240


def test_a_lossy_webp_becomes_a_jpeg_where_webp_is_not_taken() -> None:
    data = encoded(scene(), PictureFormat.WEBP, lossless=False)
    formats = frozenset({PictureFormat.PNG, PictureFormat.JPEG})
    assert prepared(data, formats=formats).picture.format is PictureFormat.JPEG
    assert prepared(picture(PictureFormat.WEBP), formats=formats).picture.format is PictureFormat.PNG
    assert prepared(data, formats=formats).changes == ("converted from WebP to JPEG",)


def test_what_cannot_be_made_small_enough_is_refused() -> None:
    with pytest.raises(PictureRefusedError) as refusal:
        prepared(photograph(), max_bytes=100)
    assert refusal.value.fault is PictureFault.TOO_MANY_BYTES
