from __future__ import annotations

import pytest

from service.domain.limits import fair_shares, lowered, raised


@pytest.mark.parametrize(
    ("whole", "wanted", "shares"),
    [
        (8, {}, {}),
        (8, {"a": 3}, {"a": 3}),
        (8, {"a": 100}, {"a": 8}),
        (8, {"a": 100, "b": 100}, {"a": 4, "b": 4}),
        (8, {"a": 100, "b": 1}, {"a": 7, "b": 1}),
        (9, {"a": 100, "b": 2, "c": 100}, {"a": 4, "b": 2, "c": 3}),
        (2, {"a": 5, "b": 5, "c": 5}, {"a": 1, "b": 1, "c": 0}),
        (8, {"a": 0, "b": 0}, {"a": 0, "b": 0}),
        (0, {"a": 1}, {"a": 0}),
    ],
)
def test_nobody_gets_more_than_is_wanted_nor_less_than_another_who_gets_more(
    whole: int, wanted: dict[str, int], shares: dict[str, int]
) -> None:
    assert fair_shares(whole, wanted, turn=0) == shares


def test_what_cannot_be_divided_goes_round() -> None:
    winners = [fair_shares(1, {"a": 9, "b": 9, "c": 9}, turn=turn) for turn in range(4)]
    assert [name for shares in winners for name, share in shares.items() if share] == ["a", "b", "c", "a"]


def test_a_complaint_halves_a_limit_down_to_one() -> None:
    assert [lowered(64), lowered(3), lowered(1)] == [32, 1.5, 1]


def test_a_round_of_successes_raises_it_by_a_step_up_to_the_most() -> None:
    assert raised(4, most=8, successes=5) >= 5
    assert raised(500, most=1000, successes=500) == pytest.approx(547.6, abs=1)
    assert raised(7.9, most=8, successes=100) == 8
    assert raised(4, most=8, successes=0) == 4
