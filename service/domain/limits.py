"""How a limit on what is out at a time moves, and what each of several holders gets of it.

Lowered at once and raised step by step: additive increase, multiplicative decrease (Chiu and Jain, 1989), as TCP does
it. Shared max-min fairly (Bertsekas and Gallager, Data Networks, 6.5.2): nobody gets more than is wanted, and nobody
who wants more gets less than another.
"""

from __future__ import annotations

from collections.abc import Mapping

COMPLAINT_SECONDS = 5.0
"""Further complaints within this time count as the same one: they come from calls that were out already."""

_ROUNDS_TO_THE_MOST = 20  # rounds of successes that raise a limit from nothing to the most


def lowered(level: float) -> float:
    """The limit after a complaint."""
    return max(1.0, level / 2)


def raised(level: float, *, most: int, successes: int = 1) -> float:
    """The limit after some successes: a step for every round of as many as may be out."""
    step = max(1.0, most / _ROUNDS_TO_THE_MOST)
    for _ in range(successes):
        level = min(float(most), level + step / level)
    return level


def fair_shares(whole: int, wanted: Mapping[str, int], *, turn: int) -> Mapping[str, int]:
    """What each holder gets of a whole.

    Args:
        wanted: By holder.
        turn: Who comes first where the whole cannot be divided evenly; a number that goes up lets all of them be it.
    """
    shares = dict.fromkeys(wanted, 0)
    names = sorted(wanted)
    first = turn % len(names) if names else 0
    unmet = [name for name in (*names[first:], *names[:first]) if wanted[name]]
    left = whole
    while left > 0 and unmet:
        each = max(1, left // len(unmet))
        for name in unmet[:left]:
            given = min(each, wanted[name] - shares[name])
            shares[name] += given
            left -= given
        unmet = [name for name in unmet if shares[name] < wanted[name]]
    return shares
