from __future__ import annotations

from service.domain.usage import summed


def test_numbers_are_added_at_every_depth() -> None:
    one = {"tokens": 1, "details": {"image": 2}, "tier": "a", "cached": True}
    two = {"tokens": 4, "details": {"image": 5, "text": 1.5}, "tier": "b", "cached": False, "odd": None}
    assert summed(None, one) == one
    assert summed(summed(None, one), two) == {
        "tokens": 5,
        "details": {"image": 7, "text": 1.5},
        "tier": "b",
        "cached": False,
    }
