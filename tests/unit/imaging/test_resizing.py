from __future__ import annotations

import pytest
from PIL import Image

from service.domain.resizing import Fit, Resize
from service.imaging.resizing import brought_to

RED, BLUE = (255, 0, 0), (0, 0, 255)


def striped() -> Image.Image:
    """Blue with red edges left and right."""
    image = Image.new("RGB", (300, 100), BLUE)
    image.paste(RED, (0, 0, 50, 100))
    image.paste(RED, (250, 0, 300, 100))
    return image


def test_inside_keeps_everything_and_nothing_more() -> None:
    image = brought_to(striped(), Resize(width=150, height=150))
    assert image.size == (150, 50)
    assert image.getpixel((2, 25)) == RED


def test_contain_puts_it_on_a_ground_of_exactly_that_size() -> None:
    image = brought_to(striped(), Resize(width=150, height=150, fit=Fit.CONTAIN))
    assert image.size == (150, 150)
    assert [image.getpixel((2, y)) for y in (2, 75, 147)] == [(255, 255, 255), RED, (255, 255, 255)]


def test_what_is_transparent_gets_a_transparent_ground() -> None:
    image = brought_to(striped().convert("RGBA"), Resize(width=60, height=90, fit=Fit.CONTAIN))
    assert image.size == (60, 90)
    assert image.getchannel("A").getpixel((30, 2)) == 0


def test_cover_cuts_what_hangs_over() -> None:
    image = brought_to(striped(), Resize(width=200, height=200, fit=Fit.COVER))
    assert image.size == (200, 200)
    assert [image.getpixel((x, 100)) for x in (2, 197)] == [BLUE, BLUE]


@pytest.mark.parametrize("fit", Fit)
def test_what_has_the_size_stays_as_it_is(fit: Fit) -> None:
    image = striped()
    assert brought_to(image, Resize(width=300, height=100, fit=fit)) is image
