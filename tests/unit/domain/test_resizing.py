from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from service.domain.operations import EditParameters
from service.domain.resizing import MAX_TARGET_SIDE, Fit, resize_of


@pytest.mark.parametrize(
    ("asked", "size", "expected"),
    [
        ({"target_width": 300}, (600, 400), (300, 200)),
        ({"target_height": 800}, (600, 400), (1200, 800)),
        ({"target_width": 500, "target_height": 500}, (600, 400), (500, 333)),
        ({"target_width": 500, "target_height": 500, "fit": "contain"}, (600, 400), (500, 500)),
        ({"target_width": 500, "target_height": 500, "fit": Fit.COVER}, (600, 400), (500, 500)),
        ({"target_width": 100}, (1, 10_000), (1, MAX_TARGET_SIDE)),  # the free side stays in bounds
        ({"target_width": 10, "target_height": 10}, (1000, 1), (10, 1)),
    ],
)
def test_the_size_that_comes_out(asked: dict[str, Any], size: tuple[int, int], expected: tuple[int, int]) -> None:
    resize = resize_of(asked)
    assert resize is not None
    assert resize.size_after(size) == expected


def test_nothing_is_asked_for_without_a_side() -> None:
    assert resize_of({"output_format": "webp"}) is None


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"fit": "cover"}, "fit_without_target"),
        ({"fit": "contain", "target_width": 10}, "fit_needs_both"),
        ({"target_width": 0}, "greater_than_equal"),
        ({"target_height": MAX_TARGET_SIDE + 1}, "less_than_equal"),
        ({"target_width": 10, "fit": "stretch"}, "literal_error"),
    ],
)
def test_what_cannot_be_asked_for(asked: dict[str, Any], code: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        EditParameters.model_validate(asked)
    assert refusal.value.errors()[0]["type"] == code
