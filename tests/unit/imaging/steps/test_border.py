from __future__ import annotations

import pytest

from service.imaging.steps.border import Border
from service.imaging.steps.step import Length
from tests.pictures.samples import in_mode, scene


@pytest.mark.parametrize(("width", "pixels"), [(Length(0, 7), 7), (Length(0.1), 4), (Length(0.0001), 1)])
def test_the_picture_grows_by_the_border(width: Length, pixels: int) -> None:
    border = Border("red", width)
    framed = border.apply(scene())
    assert framed.size == border.size_after((60, 40)) == (60 + 2 * pixels, 40 + 2 * pixels)
    for at in ((0, 0), (framed.width - 1, framed.height - 1), (framed.width // 2, 0), (0, framed.height // 2)):
        assert framed.getpixel(at) == (255, 0, 0)
    assert framed.crop((pixels, pixels, 60 + pixels, 40 + pixels)).tobytes() == scene().tobytes()


def test_transparency_inside_stays() -> None:
    framed = Border("#0000ff", Length(0, 5)).apply(in_mode(scene(), "RGBA"))
    assert framed.getpixel((0, 0)) == (0, 0, 255, 255)
    assert framed.getpixel((10, 10))[3] == 0


def test_says_what_it_does() -> None:
    assert Border("red", Length(0.1)).said == "added a red border"
    assert Border("red", Length(0, 5)).said == "added a red border of 5 px"
