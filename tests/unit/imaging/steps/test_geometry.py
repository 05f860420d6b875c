from __future__ import annotations

import pytest
from PIL import Image

from service.imaging.steps.geometry import (
    CropToRatio,
    CropToSize,
    Edge,
    Flip,
    Rotate,
    Trim,
)
from service.imaging.steps.step import Length, Size, Step
from tests.pictures.samples import in_mode, scene

RED, GREEN, BLUE, WHITE = (220, 20, 20), (20, 180, 20), (20, 20, 220), (255, 255, 255)


def corners(image: Image.Image) -> tuple[object, ...]:
    """Colours of the corners: upper left, upper right, lower left, lower right."""
    right, bottom = image.width - 3, image.height - 3
    return tuple(image.getpixel(at) for at in ((2, 2), (right, 2), (2, bottom), (right, bottom)))


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Rotate(90), (GREEN, RED, WHITE, BLUE)),
        (Rotate(-90), (BLUE, WHITE, RED, GREEN)),
        (Rotate(270), (BLUE, WHITE, RED, GREEN)),
        (Rotate(180), (WHITE, GREEN, BLUE, RED)),
        (Rotate(360), (RED, BLUE, GREEN, WHITE)),
        (Flip(), (BLUE, RED, WHITE, GREEN)),
        (Flip(vertical=True), (GREEN, WHITE, RED, BLUE)),
    ],
)
def test_turns_and_flips(step: Step, expected: tuple[object, ...]) -> None:
    assert corners(step.apply(scene())) == expected


def test_other_angles_lose_nothing_and_show_white() -> None:
    turned = Rotate(30).apply(scene(600, 400))
    assert turned.size == pytest.approx(Rotate(30).size_after((600, 400)), abs=1)
    assert turned.size == pytest.approx((720, 647), abs=1)
    assert corners(turned) == (WHITE, WHITE, WHITE, WHITE)
    assert turned.getpixel((230, 60)) == RED  # turned clockwise the upper left goes up and to the right


def test_other_angles_show_nothing_where_that_is_possible() -> None:
    assert Rotate(30).apply(scene(600, 400).convert("RGBA")).getpixel((2, 2))[3] == 0


@pytest.mark.parametrize(
    ("step", "size"),
    [
        (CropToRatio(1, 1), (40, 40)),
        (CropToRatio(16, 9), (60, 34)),
        (CropToRatio(3, 4), (30, 40)),
        (CropToRatio(1000, 1), (60, 1)),
        (CropToSize(20, 10), (20, 10)),
        (CropToSize(2000, 10), (60, 10)),
        (Trim(Length(0.1), tuple(Edge)), (48, 32)),
        (Trim(Length(0, 5), (Edge.LEFT,)), (55, 40)),
        (Trim(Length(0, 500), (Edge.TOP,)), (60, 1)),
        (Trim(Length(0, 500), tuple(Edge)), (1, 1)),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_gives_the_size_that_it_said(step: Step, size: Size, mode: str) -> None:
    image = in_mode(scene(), mode)
    changed = step.apply(image)
    assert (changed.size, changed.mode) == (size, mode)
    assert step.size_after((60, 40)) == size
    assert image.size == (60, 40)


def test_the_middle_is_kept() -> None:
    square = CropToRatio(1, 1).apply(scene())
    assert square.getpixel((19, 5)) == RED
    assert square.getpixel((20, 5)) == BLUE


def test_trimmed_at_the_right_edges() -> None:
    assert Trim(Length(0, 30), (Edge.LEFT,)).apply(scene()).getpixel((0, 0)) == BLUE
    assert Trim(Length(0, 30), (Edge.RIGHT,)).apply(scene()).getpixel((29, 0)) == RED
    assert Trim(Length(0.5), (Edge.TOP,)).apply(scene()).getpixel((0, 0)) == GREEN
    assert Trim(Length(0.5), (Edge.BOTTOM,)).apply(scene()).getpixel((0, 19)) == RED


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Rotate(90), "rotated 90 degrees clockwise"),
        (Rotate(-22.5), "rotated 22.5 degrees counterclockwise"),
        (Rotate(-180), "rotated 180 degrees"),
        (Flip(), "mirrored horizontally"),
        (Flip(vertical=True), "flipped vertically"),
        (CropToRatio(16, 9), "cropped to 16:9"),
        (CropToSize(8, 6), "cropped to 8 x 6 px"),
        (Trim(Length(0.1), (Edge.LEFT, Edge.TOP)), "cut 10% off the left, top"),
        (Trim(Length(0, 5), (Edge.BOTTOM,)), "cut 5 px off the bottom"),
    ],
)
def test_says_what_it_does(step: Step, said: str) -> None:
    assert step.said == said
