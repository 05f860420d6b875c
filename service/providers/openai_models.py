"""What each OpenAI image model takes, as data; the API reference and the SDK's types are the source.

A model that is not listed is sent everything: it may be newer than this table, and the API says what it refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PARAMETERS = frozenset(
    {"size", "quality", "background", "output_format", "output_compression", "input_fidelity"},
)
"""Every optional parameter of an edit that makes sense for one picture."""

_COMPRESSED = frozenset({"jpeg", "webp"})
_PLAIN_QUALITIES = frozenset({"auto", "low", "medium", "high"})
_ALL_QUALITIES = _PLAIN_QUALITIES | {"xhigh", "max"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """The values that one model takes; others are left out of the request, which never costs more than was asked."""

    qualities: frozenset[str] = _ALL_QUALITIES
    fidelities: frozenset[str] = frozenset({"low", "high"})


_UNKNOWN = Traits()
_TRAITS: Mapping[str, Traits] = {
    "gpt-image-1-mini": Traits(qualities=_PLAIN_QUALITIES, fidelities=frozenset({"low"})),
    "gpt-image-1.5": Traits(qualities=_PLAIN_QUALITIES),
    "gpt-image-2": Traits(qualities=_PLAIN_QUALITIES, fidelities=frozenset()),
    "gpt-image-2-2026-04-21": Traits(qualities=_PLAIN_QUALITIES, fidelities=frozenset()),
}


def parameters_of(models: tuple[str, ...]) -> frozenset[str]:
    """The parameters that at least one of the models takes."""
    fidelity = any(_TRAITS.get(model, _UNKNOWN).fidelities for model in models)
    return PARAMETERS if fidelity else PARAMETERS - {"input_fidelity"}


def form_of(model: str, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The form fields for one model, and warnings about what it does not take."""
    traits = _TRAITS.get(model, _UNKNOWN)
    form = {name: value for name, value in parameters.items() if name in PARAMETERS and value is not None}
    if form.get("output_format") not in _COMPRESSED:
        form.pop("output_compression", None)  # another format is compressed after the model, if at all
    warnings = []
    for name, taken in (("quality", traits.qualities), ("input_fidelity", traits.fidelities)):
        if name in form and form[name] not in taken:
            warnings.append(f"{model} does not take {name} {form.pop(name)}; left out")
    return form, tuple(warnings)
