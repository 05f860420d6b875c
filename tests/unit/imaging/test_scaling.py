from __future__ import annotations

import pytest

from service.imaging.scaling import fit_within, resized, size_within
from tests.pictures.samples import scene


@pytest.mark.parametrize(
    ("size", "box", "expected"),
    [
        ((600, 400), (300, 300), (300, 200)),
        ((400, 600), (300, 300), (200, 300)),
        ((60, 40), (600, 600), (600, 400)),
        ((1000, 1), (10, 10), (10, 1)),
    ],
)
def test_proportions_stay(size: tuple[int, int], box: tuple[int, int], expected: tuple[int, int]) -> None:
    assert size_within(size, box) == expected


def test_only_what_is_larger_is_scaled_down() -> None:
    image = scene()
    assert fit_within(image, (60, 40)) is image
    assert fit_within(image, (30, 400)).size == (30, 20)
    assert fit_within(image, (600, 20)).size == (30, 20)


def test_exactly_that_size() -> None:
    image = scene()
    assert resized(image, (60, 40)) is image
    assert resized(image, (7, 99)).size == (7, 99)
