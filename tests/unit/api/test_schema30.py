"""From pydantic to OpenAPI 3.0."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from service.api.schema30 import UnsupportedSchemaError, schema30


class Inner(BaseModel):
    """Inner
    words of ``code``."""

    size: Annotated[int, Field(ge=1, le=9)]


class Outer(BaseModel):
    name: Annotated[str | None, Field(max_length=5, description="A name.")] = None
    kind: Literal["only"] = "only"
    tags: list[str] | None = None
    inner: Annotated[Inner, Field(description="Described here.")]
    more: list[Inner] = []


class Recursive(BaseModel):
    child: Recursive | None = None


class Alternatives(BaseModel):
    value: int | str


class Open(BaseModel):
    values: dict[str, int]


class Exclusive(BaseModel):
    value: Annotated[int, Field(gt=0)]


def test_schema() -> None:
    inner = {"type": "object", "properties": {"size": {"type": "integer", "minimum": 1, "maximum": 9}}}
    words = {"description": "Inner words of code.", "required": ["size"]}
    assert schema30(Outer) == {
        "type": "object",
        "required": ["inner"],
        "properties": {
            "name": {"type": "string", "maxLength": 5, "description": "A name."},
            "kind": {"type": "string", "enum": ["only"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "inner": inner | words | {"description": "Described here."},
            "more": {"type": "array", "items": inner | words},
        },
    }


@pytest.mark.parametrize("model", [Recursive, Alternatives, Open, Exclusive])
def test_what_cannot_be_said_is_an_error(model: type[BaseModel]) -> None:
    with pytest.raises(UnsupportedSchemaError):
        schema30(model)
