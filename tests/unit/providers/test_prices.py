from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from service.providers.prices import Prices

USAGE = {
    "input_tokens": 1_010_000,
    "input_tokens_details": {"text_tokens": 10_000, "image_tokens": 1_000_000},
    "output_tokens": 100_000,
}


@pytest.fixture
def prices() -> Prices:
    return Prices.load()


@pytest.mark.parametrize(
    ("model", "dollars"),
    [
        ("gpt-image-2", 0.05 + 8 + 3),
        ("gpt-image-2-2026-04-21", 0.05 + 8 + 3),
        ("gpt-image-2.5-flare-2026-09-08", 0.05 + 8 + 3),
        ("gpt-image-1.5", 0.05 + 8 + 3.2),
        ("gpt-image-1-mini", 0.02 + 2.5 + 0.8),
    ],
)
def test_tokens_cost_what_the_table_says(prices: Prices, model: str, dollars: float) -> None:
    assert prices.cost(model, USAGE) == pytest.approx(dollars)


def test_input_without_details_counts_as_pictures(prices: Prices) -> None:
    assert prices.cost("gpt-image-2", {"input_tokens": 1000, "output_tokens": 0}) == pytest.approx(0.008)


@pytest.mark.parametrize("usage", [None, {}, {"output_tokens": "many"}])
def test_without_usage_nothing_is_known(prices: Prices, usage: dict[str, object] | None) -> None:
    assert prices.cost("gpt-image-2", usage) is None


def test_of_an_unknown_model_nothing_is_known(prices: Prices) -> None:
    assert prices.cost("acme-1", USAGE) is None
    assert prices.estimate("acme-1", quality="low", size=None) is None
    assert prices.estimate("gpt-image-2.5-flare", quality="low", size=None) is None


@pytest.mark.parametrize(
    ("quality", "size", "dollars"),
    [
        ("low", "1024x1024", 0.009),
        ("high", "1024x1024", 0.133),
        ("high", "1024x1536", 0.2),
        ("medium", "auto", 0.051),
        (None, "1024x1024", 0.133),
        ("auto", "1024x1024", 0.133),
        ("high", "3840x2160", 0.266),
    ],
)
def test_an_estimate_goes_by_quality_and_size(prices: Prices, quality: str | None, size: str, dollars: float) -> None:
    assert prices.estimate("gpt-image-1.5", quality=quality, size=size) == pytest.approx(dollars, rel=0.01)


def test_an_operators_prices_stand_in_place_of_the_shipped_ones(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text('{"gpt-image-2": {"text_in": 0, "image_in": 0, "image_out": 10}}')
    prices = Prices.load(file)
    assert prices.cost("gpt-image-2", USAGE) == pytest.approx(1)
    assert prices.cost("gpt-image-1.5", USAGE) == pytest.approx(11.25)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"m": {}}', '{"m": {"text_in": -1, "image_in": 0, "image_out": 0}}', '{"m": {"price": 1}}']
)
def test_a_file_that_is_no_price_table_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "prices.json"
    file.write_text(text)
    with pytest.raises(ValidationError):
        Prices.load(file)
