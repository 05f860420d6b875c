"""Which test is run when, and which ones together, where several processes share them (``pytest --dist loadgroup``)."""

from __future__ import annotations

from itertools import chain

import pytest

from tests.integration.scene import Engine

_LONGEST_FIRST = ("tests/fault/", "tests/integration/", "tests/bench/")  # what is begun last should be over soon


def distribute(items: list[pytest.Item]) -> None:
    """Put what takes long first, and each test into a group unless it is long and has all that it needs to itself."""
    items.sort(key=_turn)
    for item in items:
        if _turn(item) == len(_LONGEST_FIRST) or _shares(item):
            item.add_marker(pytest.mark.xdist_group(_group(item)))


def _turn(item: pytest.Item) -> int:
    turns = (turn for turn, folder in enumerate(_LONGEST_FIRST) if item.nodeid.startswith(folder))
    return next(turns, len(_LONGEST_FIRST))


def _shares(item: pytest.Item) -> bool:
    """Whether it uses what is made once for all tests of its module."""
    assert isinstance(item, pytest.Function)
    definitions = chain.from_iterable(item._fixtureinfo.name2fixturedefs.values())
    return any(definition.scope == "module" for definition in definitions)


def _group(item: pytest.Item) -> str:
    module, _, _ = item.nodeid.partition("::")
    return "-".join([module, *engines_of(item)])


def engines_of(item: pytest.Item) -> list[Engine]:
    """The engines that a test is run on; none where it knows nothing of engines."""
    callspec = getattr(item, "callspec", None)
    return [value for value in callspec.params.values() if isinstance(value, Engine)] if callspec else []
