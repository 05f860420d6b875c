from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.pace import EARLY_SECONDS, LATE_SECONDS, Pace, closes_at, opens_at


def most_in_a_minute(moments: list[float]) -> int:
    """Of minutes that begin with one of them, the others being later."""
    ordered = sorted(moments)
    return max((bisect_left(ordered, begun + 60 - 1e-6) - at for at, begun in enumerate(ordered)), default=0)


def begun_at_once(pace: Pace, *, seconds: float, next_at: float = 0.0, now: float = 0.0) -> list[float]:
    """When those begin that always want to, each as soon as it may."""
    moments = []
    while now < seconds:
        first_at = pace.first(next_at, now=now)
        now = max(now, opens_at(first_at))
        first_at = pace.first(next_at, now=now)
        moments.append(now)
        next_at = pace.times(first_at, 1)[-1]
    return moments


@settings(deadline=None)
@given(
    per_minute=st.integers(1, 2000),
    draws=st.lists(
        st.tuples(st.floats(0, 20), st.integers(1, 60), st.floats(0, 1), st.booleans()), min_size=1, max_size=60
    ),
)
def test_no_minute_holds_more_whoever_draws_and_whenever_turns_are_used(
    per_minute: int, draws: list[tuple[float, int, float, bool]]
) -> None:
    pace, now, next_at, used = Pace(per_minute), 0.0, 0.0, []
    for pause_seconds, count, when, falling in draws:
        now += pause_seconds
        *times, next_at = pace.times(pace.first(next_at, now=now), count)
        for number, turn_at in enumerate(times):
            soonest = max(now, opens_at(turn_at))
            part = when * (1 - number / count) if falling else when
            used.append(soonest + part * (closes_at(turn_at) - soonest))
    assert most_in_a_minute(used) <= per_minute


@pytest.mark.parametrize("per_minute", [1, 5, 60, 999])
def test_those_that_always_want_to_begin_get_nearly_all_of_it(per_minute: int) -> None:
    moments = begun_at_once(Pace(per_minute), seconds=300)
    assert most_in_a_minute(moments) <= per_minute
    assert len(moments) >= 5 * per_minute * 60 / (60 + EARLY_SECONDS + LATE_SECONDS) - 1


@pytest.mark.parametrize(("per_minute", "burst"), [(1, 1), (5, 1), (60, 2), (600, 20)])
def test_after_a_rest_a_few_begin_at_once(per_minute: int, burst: int) -> None:
    assert begun_at_once(Pace(per_minute), seconds=3600, next_at=10, now=3599)[:burst] == [3599] * burst
    assert begun_at_once(Pace(per_minute), seconds=3600, next_at=10, now=3599)[burst : burst + 1] != [3599]


@pytest.mark.parametrize(("per_minute", "portion"), [(1, 1), (5, 1), (60, 2), (600, 28), (6000, 285)])
def test_turns_are_drawn_ahead_for_as_long_as_they_are_good(per_minute: int, portion: int) -> None:
    assert Pace(per_minute).portion == portion


def test_turns_follow_each_other_without_a_gap() -> None:
    pace = Pace(63)
    assert pace.times(5.0, 3) == (5.0, 6.0, 7.0, 8.0)
    assert pace.first(8.0, now=7.5) == 8.0
    assert pace.first(8.0, now=8.5) == 8.5
