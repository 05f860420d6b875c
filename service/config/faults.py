"""What is wrong with a configuration, by variable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from service.config.group import Group, Variable


@dataclass(frozen=True, slots=True)
class VariableFault:
    """One thing that is wrong; `problem` never holds a secret."""

    variable: str
    problem: str

    def __str__(self) -> str:
        return f"{self.variable}: {self.problem}"


class ConfigurationError(Exception):
    """The service cannot start as it is configured. `faults` are all that could be found."""

    def __init__(self, faults: tuple[VariableFault, ...]) -> None:
        super().__init__("the configuration is faulty:\n" + "\n".join(f"  {fault}" for fault in faults))
        self.faults = faults


def faults_of(group: type[Group], error: ValidationError) -> Iterator[VariableFault]:
    """What a group's validation found, in the words of its variables."""
    variables = group.variables()
    for found in error.errors(include_url=False):
        variable = variables[str(found["loc"][0])]
        yield VariableFault(variable.name, _problem(variable, found))


def _problem(variable: Variable, found: Mapping[str, Any]) -> str:
    expected = f"expected {variable.expects}"
    match found["type"]:
        case "missing":
            return f"is missing, {expected}"
        case "value_error":  # from `service.config.formats`, which knows what is secret
            return f"{found['ctx']['error']}, {expected}"
        case _:
            return f"{found['input']!r} is not valid, {expected}"
