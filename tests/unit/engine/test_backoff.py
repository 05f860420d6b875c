from __future__ import annotations

from service.engine.backoff import Backoff


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(first_seconds=0.5, longest_seconds=3)
    assert [backoff.wait(failures).total_seconds() for failures in (1, 2, 3, 4, 10**6)] == [0.5, 1, 2, 3, 3]
