from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.deliveries import DeliveryState
from service.domain.schedule import DEFAULT_SCHEDULE_SECONDS, Verdict, verdict

DAY = 86_400.0


def follows(
    status: int | None = None, *, asked: float | None = None, failures: int = 0, jitter: float = 0.5
) -> Verdict:
    return verdict(
        status=status,
        retry_after_seconds=asked,
        failures=failures,
        schedule_seconds=DEFAULT_SCHEDULE_SECONDS,
        jitter=jitter,
    )


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success_is_2xx(status: int) -> None:
    assert follows(status) == Verdict(DeliveryState.DELIVERED)


@pytest.mark.parametrize("status", [None, 100, 199, 301, 302, 303, 307, 308, 400, 401, 404, 409, 429, 500, 503])
def test_everything_else_is_tried_again(status: int | None) -> None:
    assert follows(status) == Verdict(DeliveryState.PENDING, 5.0)


def test_410_ends_it_at_once() -> None:
    assert follows(410, asked=60) == Verdict(DeliveryState.GONE)


def test_the_waits_are_the_documented_ones() -> None:
    minute, hour = 60, 3600
    expected = [
        5, 30, 2 * minute, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour,
    ]  # fmt: skip
    assert [follows(500, failures=n).wait_seconds for n in range(11)] == expected


def test_the_twelfth_failure_is_the_last() -> None:
    assert follows(500, failures=10).state is DeliveryState.PENDING
    assert follows(500, failures=11) == Verdict(DeliveryState.FAILED)
    assert follows(503, asked=60, failures=11) == Verdict(DeliveryState.FAILED)


def test_success_and_gone_count_also_after_the_last_failure() -> None:
    assert follows(200, failures=11).state is DeliveryState.DELIVERED
    assert follows(410, failures=11).state is DeliveryState.GONE


@given(jitter=st.floats(0, 1), failures=st.integers(0, 10))
def test_jitter_spreads_by_a_fifth_either_way(jitter: float, failures: int) -> None:
    scheduled = DEFAULT_SCHEDULE_SECONDS[failures]
    wait = follows(None, failures=failures, jitter=jitter).wait_seconds
    assert wait is not None
    assert 0.8 * scheduled - 1e-6 <= wait <= 1.2 * scheduled + 1e-6


def test_jitter_uses_its_whole_range() -> None:
    assert follows(None, jitter=0).wait_seconds == pytest.approx(4)
    assert follows(None, jitter=1).wait_seconds == pytest.approx(6)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_retry_after_is_heeded(status: int) -> None:
    assert follows(status, asked=90, jitter=0).wait_seconds == 90


@pytest.mark.parametrize("status", [None, 302, 400, 500])
def test_retry_after_of_other_answers_is_not(status: int | None) -> None:
    assert follows(status, asked=90).wait_seconds == 5


@given(asked=st.floats(0, DAY), failures=st.integers(0, 10), jitter=st.floats(0, 1))
def test_no_receiver_is_asked_sooner_than_it_said(asked: float, failures: int, jitter: float) -> None:
    wait = follows(503, asked=asked, failures=failures, jitter=jitter).wait_seconds
    assert wait is not None
    assert wait >= min(asked, 0.8 * DEFAULT_SCHEDULE_SECONDS[failures]) - 1e-6
    if asked >= DEFAULT_SCHEDULE_SECONDS[failures]:
        assert asked <= wait <= DAY


@pytest.mark.parametrize("asked", [0.0, 0.2, 1.0])
def test_a_second_is_the_floor(asked: float) -> None:
    assert follows(429, asked=asked, jitter=0).wait_seconds == 1


def test_a_schedule_in_milliseconds_has_the_floor_too() -> None:
    found = verdict(status=500, retry_after_seconds=None, failures=0, schedule_seconds=[0.01], jitter=0.5)
    assert found.wait_seconds == 1


def test_an_outage_behind_a_hasty_proxy_is_outlived() -> None:
    waits = [follows(503, asked=1, failures=n, jitter=0.5).wait_seconds or 0 for n in range(11)]
    assert waits[:4] == pytest.approx([1.1] * 4)
    assert sum(waits) > 3 * DAY


def test_an_empty_schedule_means_one_attempt() -> None:
    found = verdict(status=500, retry_after_seconds=None, failures=0, schedule_seconds=(), jitter=0.5)
    assert found == Verdict(DeliveryState.FAILED)
