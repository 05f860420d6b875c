from __future__ import annotations

import pytest

from service.ledger.taking import budget


@pytest.mark.parametrize(
    ("most", "each", "spent", "reserved", "used_up", "places"),
    [
        (None, 0.1, 99.0, 0.0, False, None),
        (1.0, 0.1, 0.0, 0.0, False, 10),
        (1.0, 0.1, 0.3, 0.6, False, 1),  # in spite of what adding floats leaves behind
        (1.0, 0.1, 0.3, 0.7, False, 0),  # what is in work may turn out cheaper
        (1.0, 0.1, 0.95, 0.0, True, 0),
        (1.0, 0.0, 5.0, 0.0, False, None),
        (1.0, None, 0.5, 0.0, False, None),
        (1.0, None, 1.0, 0.0, True, None),
    ],
)
def test_what_a_limit_allows(
    most: float | None, each: float | None, spent: float, reserved: float, used_up: bool, places: int | None
) -> None:
    allowed = budget(max_cost_usd=most, item_cost_usd=each, spent_usd=spent, reserved_usd=reserved)
    assert (allowed.used_up, allowed.places) == (used_up, places)
