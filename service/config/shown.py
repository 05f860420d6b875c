"""Values as people read them, secrets masked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from service.config.settings import Settings


@dataclass(frozen=True, slots=True)
class EffectiveValue:
    """What a variable stands at; `given` is False for a default."""

    variable: str
    text: str
    given: bool


def effective_values(settings: Settings) -> Iterator[EffectiveValue]:
    """The value of every variable that is in use, in the order in which they are documented."""
    for group in settings.groups:
        for field, variable in group.variables().items():
            yield EffectiveValue(variable.name, shown(getattr(group, field)), field in group.model_fields_set)


def shown(value: Any) -> str:
    """A value in the form in which its variable takes it, stars for a secret, the empty text for none."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.15g}"
        case tuple():
            return ",".join(map(shown, value))
        case _:
            return str(value)
