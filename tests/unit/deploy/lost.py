"""What a typed reading of a document loses: names that its schema does not know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def lost(document: Any, understood: Any, path: str = "") -> Iterator[str]:
    """The paths at which a document says something that is not in what was understood of it."""
    if isinstance(document, dict) and isinstance(understood, dict):
        for name, value in document.items():
            if name in understood:
                yield from lost(value, understood[name], f"{path}.{name}")
            else:
                yield f"{path}.{name}"
    elif isinstance(document, list) and isinstance(understood, list) and len(document) == len(understood):
        for number, (value, other) in enumerate(zip(document, understood, strict=True)):
            yield from lost(value, other, f"{path}[{number}]")
    elif document != understood:
        yield path
