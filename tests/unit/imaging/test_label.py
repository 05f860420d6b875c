from __future__ import annotations

import pytest
from PIL import Image, ImageChops

from service.imaging.label import labelled
from tests.pictures.samples import in_mode, scene

TEXT = "AI edit unavailable (billing exhausted) – edited locally"  # noqa: RUF001 - people write dashes


def banner(image: Image.Image, text: str = TEXT) -> Image.Image:
    """The part of a picture that a label changed."""
    marked = labelled(image, text)
    assert (marked.size, marked.mode) == (image.size, image.mode)
    left, top, right, bottom = ImageChops.difference(marked.convert("RGB"), image.convert("RGB")).getbbox()
    assert (left, right, bottom) == (0, image.width, image.height)
    return marked.crop((left, top, right, bottom)).convert("RGB")


def ink(image: Image.Image) -> float:
    """The share of light pixels among black ones."""
    return image.convert("L").point(lambda value: 255 * (value > 120)).histogram()[255] / (image.width * image.height)


@pytest.mark.parametrize("size", [(300, 200), (1536, 1024), (1024, 1536), (8000, 5000), (4000, 300), (300, 4000)])
def test_a_legible_banner_whatever_the_size(size: tuple[int, int]) -> None:
    part = banner(Image.new("RGB", size, (90, 120, 60)))
    assert part.height <= size[1] / 2
    assert part.height >= min(size) * 0.04
    assert 0.005 < ink(part) < 0.5


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (16, 16), (32, 20), (5, 400), (400, 5)])
def test_tiny_pictures_are_marked_too(size: tuple[int, int]) -> None:
    part = banner(Image.new("RGB", size, (90, 120, 60)))
    assert part.height <= max(1, size[1] // 2)


def test_long_texts_wrap_and_shrink() -> None:
    short, long = banner(scene(600, 400), "short"), banner(scene(600, 400), TEXT * 6)
    assert short.height < long.height <= 200
    assert ink(long) > 0.02


def test_very_long_texts_cover_no_more_than_half() -> None:
    assert banner(scene(600, 400), TEXT * 40).height <= 200
    assert banner(scene(600, 400), "").height >= 16


def test_a_word_longer_than_the_picture_is_broken() -> None:
    assert ink(banner(scene(200, 200), "x" * 300)) > 0.02


def test_transparent_pictures_carry_an_opaque_banner() -> None:
    image = Image.new("RGBA", (300, 200))
    assert labelled(image, TEXT).getchannel("A").getpixel((150, 199)) == 255
    assert labelled(in_mode(scene(), "RGBA"), TEXT).getchannel("A").getpixel((0, 0)) == 0


def test_letters_that_the_font_lacks_are_written_plainly() -> None:
    image = scene(600, 400)
    assert labelled(image, "é – “x”").tobytes() == labelled(image, 'e - "x"').tobytes()  # noqa: RUF001
    assert labelled(image, "語").tobytes() == labelled(image, "?").tobytes()


def test_the_picture_above_stays() -> None:
    image = scene(600, 400)
    assert labelled(image, TEXT).crop((0, 0, 600, 200)).tobytes() == image.crop((0, 0, 600, 200)).tobytes()
