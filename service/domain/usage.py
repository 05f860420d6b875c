"""The numbers that providers return with a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def summed(known: Mapping[str, Any] | None, new: Mapping[str, Any]) -> dict[str, Any]:
    """Usage numbers together: numbers are added at every depth, of anything else the newer stays."""
    total = dict(known or {})
    for name, value in new.items():
        before = total.get(name)
        if isinstance(value, Mapping):
            total[name] = summed(before if isinstance(before, Mapping) else None, value)
        elif _is_number(value) and _is_number(before):
            total[name] = before + value
        elif value is not None:
            total[name] = value
    return total


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
