"""What a group of variables is, and what can be told of a declared variable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict


@dataclass(frozen=True, slots=True)
class Expects:
    """What the text of a variable must be, in words that can follow "expected"."""

    words: str


@dataclass(frozen=True, slots=True)
class DefaultWords:
    """The default in words, where it is not one fixed value."""

    words: str


class Group(BaseSettings):
    """Variables that belong together; a field's variable is the group's prefix and the field's name in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", validate_default=False)
    title: ClassVar[str]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is handed in: nothing reads the environment of the process behind its caller's back."""
        return (init_settings,)

    @classmethod
    def variables(cls) -> Mapping[str, Variable]:
        """The declared variables by field name, in order."""
        prefix = cls.model_config.get("env_prefix", "")
        return {name: Variable(prefix + name.upper(), field) for name, field in cls.model_fields.items()}

    @classmethod
    def read(cls, texts: Mapping[str, str]) -> Self:
        """The group as its variables say.

        Raises:
            pydantic.ValidationError: with a field name first in every location.
        """
        given = {field: texts[variable.name] for field, variable in cls.variables().items() if variable.name in texts}
        return cls.model_validate(given)


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable as it was declared."""

    name: str
    field: FieldInfo

    @property
    def meaning(self) -> str:
        """What it does, in one or two sentences."""
        return self.field.description or ""

    @property
    def example(self) -> str:
        """A value that would be accepted."""
        return str(self.field.examples[0]) if self.field.examples else ""

    @property
    def required(self) -> bool:
        """Whether it must be set once its group is in use."""
        return self.field.is_required()

    @property
    def default(self) -> Any:
        """The value when it is not set; `DefaultWords` where that is computed."""
        words = [note for note in self._notes() if isinstance(note, DefaultWords)]
        return words[0] if words else self.field.get_default()

    @property
    def expects(self) -> str:
        """What its text must be."""
        for note in self._notes():
            if isinstance(note, Expects):
                return note.words
        kind = next(kind for kind in _members(self.field.annotation) if kind is not type(None))
        if get_origin(kind) is Literal:
            return "one of " + ", ".join(map(str, get_args(kind)))
        if kind is bool:
            return "true or false"
        return ("a whole number" if kind is int else "a number") + self._bounds()

    def _bounds(self) -> str:
        words = {"ge": "from", "gt": "above", "le": "to"}
        bounds = [
            (words[name], getattr(note, name)) for note in self.field.metadata for name in words if hasattr(note, name)
        ]
        return "".join(f" {word} {bound}" for word, bound in bounds)

    def _notes(self) -> Iterator[Any]:
        yield from reversed(self.field.metadata)  # the outermost counts
        for member in _members(self.field.annotation):
            if get_origin(member) is Annotated:
                yield from get_args(member)[1:]


def _members(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or the one type that there is."""
    return get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
