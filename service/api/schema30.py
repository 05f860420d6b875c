"""From pydantic's JSON Schema (draft 2020-12) to the dialect of OpenAPI 3.0, for importers that know no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

_DROPPED = {"title", "$defs", "default", "contentEncoding"}
_PASSED = {
    "type",
    "enum",
    "pattern",
    "format",
    "required",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
}


class UnsupportedSchemaError(Exception):
    """A model uses something that OpenAPI 3.0, or an importer of tools, cannot express."""


def schema30(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a model in OpenAPI 3.0: no references, no alternatives, no null.

    An optional field is one that is not required; that null is accepted, too, is not said. Unknown fields are
    refused by the service, which is not said either: some importers add their own. Nor is base64: importers make
    file uploads of it.

    Raises:
        UnsupportedSchemaError: the model is recursive, or has alternatives other than null.
    """
    schema = model.model_json_schema()
    return _converted(schema, schema.get("$defs", {}), ())


def _converted(schema: Mapping[str, Any], definitions: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    converted: dict[str, Any] = {}
    for keyword, value in schema.items():
        match keyword:
            case "$ref":
                name = value.rpartition("/")[2]
                if name in path:
                    raise UnsupportedSchemaError(f"{name} refers to itself")
                converted = _converted(definitions[name], definitions, (*path, name)) | converted
            case "anyOf":
                converted = _without_null(value, definitions, path) | converted
            case "properties":
                converted[keyword] = {name: _converted(one, definitions, path) for name, one in value.items()}
            case "items":
                converted[keyword] = _converted(value, definitions, path)
            case _:
                converted |= _plain(keyword, value)
    return converted


def _plain(keyword: str, value: Any) -> dict[str, Any]:
    match keyword, value:
        case "const", _:
            return {"enum": [value]}
        case "description", _:
            return {"description": " ".join(value.replace("``", "").split())}
        case "additionalProperties", False:
            return {}
    if keyword in _PASSED:
        return {keyword: value}
    if keyword in _DROPPED:
        return {}
    raise UnsupportedSchemaError(f"{keyword} has no counterpart")


def _without_null(
    alternatives: list[Mapping[str, Any]], definitions: Mapping[str, Any], path: tuple[str, ...]
) -> dict[str, Any]:
    left = [one for one in alternatives if one.get("type") != "null"]
    if len(left) != 1:
        raise UnsupportedSchemaError("alternatives other than null")
    return _converted(left[0], definitions, path)
