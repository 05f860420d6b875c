from __future__ import annotations

import pytest

from service.imaging.steps.sizing import ResizeTo, ResizeWithin, Scale
from service.imaging.steps.step import Size, Step
from tests.pictures.samples import in_mode, scene


@pytest.mark.parametrize(
    ("step", "size"),
    [
        (Scale(0.5), (30, 20)),
        (Scale(2), (120, 80)),
        (Scale(0.0001), (1, 1)),
        (ResizeWithin(30, 30), (30, 20)),
        (ResizeWithin(width=120), (120, 80)),
        (ResizeWithin(height=20), (30, 20)),
        (ResizeTo(30, 30), (30, 30)),
        (ResizeTo(120, 80), (120, 80)),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_gives_the_size_that_it_said(step: Step, size: Size, mode: str) -> None:
    image = in_mode(scene(), mode)
    changed = step.apply(image)
    assert (changed.size, changed.mode) == (size, mode)
    assert step.size_after((60, 40)) == size
    assert image.size == (60, 40)


def test_resized_to_other_proportions_nothing_is_distorted() -> None:
    square = ResizeTo(400, 400).apply(scene(600, 400))
    assert square.tobytes() == scene(600, 400).crop((100, 0, 500, 400)).tobytes()


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Scale(0.25), "scaled to 25%"),
        (ResizeWithin(width=5), "resized to a width of 5 px"),
        (ResizeWithin(height=5), "resized to a height of 5 px"),
        (ResizeWithin(5, 6), "resized to fit 5 x 6 px"),
        (ResizeTo(5, 6), "resized to 5 x 6 px, the middle kept"),
    ],
)
def test_says_what_it_does(step: Step, said: str) -> None:
    assert step.said == said
