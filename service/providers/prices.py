"""What calls cost: estimates from a table of prices, which is data and ages faster than code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_SQUARE_PIXELS = 1024 * 1024
_MOST_SQUARES = 2.0  # the largest pictures cost about twice a square one, whatever their pixels

Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Price(BaseModel):
    """The prices of one model in US dollars: tokens by the million, and a square picture by its quality."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text_in: Dollars
    image_in: Dollars
    image_out: Dollars
    picture: Mapping[str, Dollars] = {}


_TABLE = TypeAdapter(dict[str, Price])


class Prices:
    """A price table by model name; a dated model costs what the undated one does."""

    def __init__(self, table: Mapping[str, Price]) -> None:
        self._table = table

    @classmethod
    def load(cls, path: Path | None = None) -> Prices:
        """The shipped prices, with those of a JSON file in their place where it names the same model.

        Raises:
            OSError: the file cannot be read.
            pydantic.ValidationError: it is no price table.
        """
        shipped = _TABLE.validate_json(resources.files("service.providers").joinpath("prices.json").read_bytes())
        return cls(shipped | (_TABLE.validate_json(path.read_bytes()) if path else {}))

    def cost(self, model: str, usage: Mapping[str, Any] | None) -> float | None:
        """What a call cost in US dollars by the usage that came with it, None where either is unknown."""
        price = self._price(model)
        if price is None or usage is None or not isinstance(usage.get("output_tokens"), int):
            return None
        details = usage.get("input_tokens_details") or {"image_tokens": usage.get("input_tokens")}
        dollars: float = (
            price.text_in * (details.get("text_tokens") or 0)
            + price.image_in * (details.get("image_tokens") or 0)
            + price.image_out * usage["output_tokens"]
        )
        return dollars / 1_000_000

    def estimate(self, model: str, *, quality: str | None, size: str | None) -> float | None:
        """What a picture is expected to cost, None where that is unknown.

        A quality that is left to the model counts as high: an estimate should not turn out too low.
        """
        price = self._price(model)
        if price is None:
            return None
        square = price.picture.get(quality or "high", price.picture.get("high"))
        return None if square is None else square * _squares(size)

    def _price(self, model: str) -> Price | None:
        return self._table.get(model) or self._table.get(_DATED.sub("", model))


def _squares(size: str | None) -> float:
    width, _, height = (size or "").partition("x")
    if not (width.isdigit() and height.isdigit()):
        return 1.5  # the larger of the usual sizes
    return min(int(width) * int(height) / _SQUARE_PIXELS, _MOST_SQUARES)
