from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from service.domain.work import Work, WorkKind
from service.engine.ready import Ready

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def work(ref: str, priority: int = 0, age: int = 0) -> Work:
    return Work(kind=WorkKind.JOB, ref=ref, due_at=NOW - timedelta(seconds=age), priority=priority)


def all_of(ready: Ready) -> list[str]:
    found = []
    while ready:
        found.append(ready.pop().ref)
    return found


def test_the_most_urgent_comes_first() -> None:
    ready = Ready(10)
    for piece in (work("new"), work("old", age=5), work("high", priority=1), work("low", priority=-1, age=99)):
        assert ready.add(piece)
    assert all_of(ready) == ["high", "old", "new", "low"]


def test_a_ref_is_kept_once() -> None:
    ready = Ready(10)
    assert ready.add(work("a"))
    assert ready.add(work("a", priority=5))
    assert all_of(ready) == ["a"]
    assert ready.add(work("a"))


def test_a_full_one_keeps_the_most_urgent_and_says_what_it_left_out() -> None:
    ready = Ready(2)
    ready.replace([work("a", age=9), work("b", age=5), work("c", age=4)])
    assert not ready.add(work("late"))
    assert not ready.add(work("urgent", priority=1))
    assert all_of(ready) == ["urgent", "a"]
    assert ready.add(work("b"))  # what fell out may come again


def test_only_what_precedes_the_last_outranks_it() -> None:
    ready = Ready(2)
    assert not ready.outranks_last(work("a"))
    ready.add(work("b"))
    assert ready.outranks_last(work("a", age=1))
    assert not ready.outranks_last(work("c"))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(-2, 2), st.integers(0, 5)), unique_by=lambda each: each[0]))
def test_it_holds_the_most_urgent_of_all_that_were_added(given_works: list[tuple[int, int, int]]) -> None:
    pieces = [work(f"{ref:02}", priority, age) for ref, priority, age in given_works]
    ready = Ready(5)
    for piece in pieces:
        ready.add(piece)
    best = sorted(pieces, key=lambda piece: (-piece.priority, piece.due_at, piece.ref))[:5]
    assert all_of(ready) == [piece.ref for piece in best]
