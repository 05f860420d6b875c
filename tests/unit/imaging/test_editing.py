from __future__ import annotations

from typing import Any

import pytest
from PIL import Image, ImageChops, ImageOps

from service.domain.pictures import PictureFormat, PictureRefusedError
from service.domain.resizing import Fit, Resize
from service.imaging.editing import edit
from service.imaging.inspection import PictureLimits, inspect
from service.imaging.requests import Edit
from service.ports.imaging import Encoding, LocalEdit
from tests.pictures.hostile import truncated
from tests.pictures.samples import encoded, in_mode, opened, photograph, picture, scene, with_metadata

LIMITS = PictureLimits(max_bytes=10**8, max_pixels=10**7, max_frames=100)
PNG = Encoding(format=PictureFormat.PNG)


def edited(data: bytes, prompt: str, **asked: Any) -> tuple[LocalEdit, Image.Image]:
    request = {"max_pixels": 10**7, "encoding": PNG, "size": None, "label": None, **asked}
    result = edit(Edit(data=data, info=inspect(data, LIMITS), prompt=prompt, **request))
    image = opened(result.picture.data)
    assert image.size == (result.picture.width, result.picture.height)
    return result, image


def test_does_what_was_asked_in_the_order_said() -> None:
    result, image = edited(
        photograph(), "make it black and white, then rotate 90 degrees clockwise and add a white border of 20 px"
    )
    assert result.understood
    assert result.warnings == ()
    assert result.applied == (
        "turned black and white",
        "rotated 90 degrees clockwise",
        "added a white border of 20 px",
    )
    assert image.size == (440, 640)
    assert image.getpixel((10, 320)) == (255, 255, 255)
    inner = image.crop((20, 20, 420, 620))
    expected = opened(photograph()).convert("L").transpose(Image.Transpose.ROTATE_270).convert("RGB")
    assert ImageChops.difference(inner, expected).getbbox() is None


def test_what_is_not_understood_is_inverted_and_said() -> None:
    result, image = edited(photograph(), "Make the barista smile")
    assert not result.understood
    assert result.applied == ("inverted the colours",)
    assert "colours were inverted" in result.warnings[0]
    assert "“Make the barista smile”" in result.warnings[1]
    assert image.tobytes() == ImageOps.invert(opened(photograph())).tobytes()


def test_what_is_understood_is_done_and_the_rest_named() -> None:
    result, _ = edited(photograph(), "Make it sepia, tint it mauve and blur the cup.")
    assert result.understood
    assert result.applied == ("toned in sepia",)
    assert len(result.warnings) == 2
    assert "“tint it mauve”" in result.warnings[0]
    assert "“blur the cup”" in result.warnings[1]
    assert "parts of a picture" in result.warnings[1]


def test_asking_for_the_negative_is_understood() -> None:
    result, _ = edited(photograph(), "invert the colours")
    assert (result.understood, result.warnings) == (True, ())


def test_what_would_become_too_large_is_left_out() -> None:
    result, image = edited(
        photograph(), "make it black and white and ten times... upscale 100x, flip it", max_pixels=10**6
    )
    assert image.size == (600, 400)
    assert "mirrored horizontally" in result.applied
    assert any("too large (60000 x 40000)" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("size", "expected"), [((300, 300), (300, 200)), ((1200, 1200), (1200, 800)), ((10**6, 10**6), (600, 400))]
)
def test_fitted_to_the_size_that_was_asked_for(size: tuple[int, int], expected: tuple[int, int]) -> None:
    _, image = edited(photograph(), "sepia", size=size)
    assert image.size == expected


@pytest.mark.parametrize("format_", [PictureFormat.PNG, PictureFormat.JPEG, PictureFormat.WEBP, PictureFormat.AVIF])
def test_a_label_is_seen_and_read_in_every_format(format_: PictureFormat) -> None:
    label = "AI edit unavailable (billing exhausted)"
    encoding = Encoding(format=format_, quality=95)
    result, marked = edited(photograph(), "flip it", label=label, encoding=encoding)
    _, plain = edited(photograph(), "flip it", encoding=encoding)
    assert marked.getexif()[0x010E] == label
    assert not plain.getexif()
    assert result.picture.format is format_
    lower = ImageChops.difference(marked, plain).crop((0, 370, 600, 400)).convert("L")
    assert lower.point(lambda value: 255 * (value > 40)).histogram()[255] > 0.5 * 600 * 30


def test_the_label_is_drawn_after_everything_else() -> None:
    _, image = edited(
        photograph(), "rotate 90 degrees, resize to 200x300, blur extremely", label="marked", size=(100, 100)
    )
    assert image.getpixel((2, 99)) == (0, 0, 0)


def test_transparency_stays_where_it_can() -> None:
    data = encoded(in_mode(scene(), "RGBA"), PictureFormat.PNG)
    _, image = edited(data, "sepia")
    assert image.getpixel((5, 5))[3] == 0
    result, flat = edited(data, "sepia", encoding=Encoding(format=PictureFormat.JPEG))
    assert min(flat.getpixel((5, 5))) > 240
    assert result.warnings == ("put on white, for JPEG holds no transparency",)


def test_what_the_format_cannot_hold_is_scaled_down_and_said() -> None:
    data = encoded(Image.new("RGB", (20_000, 4)), PictureFormat.PNG)
    result, image = edited(data, "sepia", encoding=Encoding(format=PictureFormat.WEBP))
    assert image.width == 16_383
    assert any("the most that the format can hold" in warning for warning in result.warnings)


def test_sources_are_turned_upright_first_and_lose_their_metadata() -> None:
    _, image = edited(with_metadata(PictureFormat.JPEG, orientation=6), "sepia")
    assert image.size == (40, 60)
    assert not image.getexif()


@pytest.mark.parametrize("format_", PictureFormat)
def test_every_format_can_be_edited(format_: PictureFormat) -> None:
    result, image = edited(picture(format_), "black and white")
    assert result.understood
    red, green, blue = image.convert("RGB").getpixel((5, 5))
    assert red == green == blue


def test_a_damaged_source_is_refused() -> None:
    with pytest.raises(PictureRefusedError):
        edited(truncated(PictureFormat.PNG), "sepia")


def test_a_label_is_drawn_after_the_edges_are_cut() -> None:
    encoding = Encoding(format=PictureFormat.PNG, resize=Resize(width=300, height=100, fit=Fit.COVER))
    _, plain = edited(photograph(), "sepia", encoding=encoding)
    _, marked = edited(photograph(), "sepia", encoding=encoding, label="Local fallback: rate limited")
    assert plain.size == marked.size == (300, 100)
    assert marked.getpixel((1, 98)) == (0, 0, 0)
