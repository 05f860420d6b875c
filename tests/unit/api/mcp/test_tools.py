"""What models are told of the tools."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from service.api.mcp.tools import TOOLS, Tool
from service.domain.operations import OPERATIONS

each_tool = pytest.mark.parametrize("tool", TOOLS, ids=[tool.name for tool in TOOLS])


def objects(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema, and all that are within it."""
    yield schema
    for part in (*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])):
        yield from objects(part)


@each_tool
def test_a_model_can_read_what_a_tool_takes(tool: Tool) -> None:
    schema = tool.input_schema
    Draft202012Validator.check_schema(schema)
    for part in objects(schema):
        assert not {"anyOf", "oneOf", "allOf", "$ref", "$defs"} & set(part), "some providers of models know none"
        assert part.get("type") != "object" or part["additionalProperties"] is False
    for name, argument in schema["properties"].items():
        assert argument["description"], name


@each_tool
def test_a_tool_is_declared_as_clients_want_it(tool: Tool) -> None:
    assert tool.name.isidentifier()
    assert 40 < len(tool.description) < 1024  # what OpenAI takes
    Draft202012Validator.check_schema(tool.output_schema)
    assert tool.output_schema["type"] == "object"


def test_names_are_told_apart_and_descriptions_name_what_there_is() -> None:
    names = {tool.name for tool in TOOLS}
    assert len(names) == len(TOOLS)
    for tool in TOOLS:
        known = names.union(*(part.get("properties", {}) for part in objects(tool.input_schema)))
        assert set(re.findall(r"\w+_\w+", tool.description)) <= known


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))
def test_every_operation_is_a_tool_with_its_own_parameters(operation: Any) -> None:
    (tool,) = (tool for tool in TOOLS if tool.operation is operation)
    taken = tool.input_schema["properties"]["parameters"]["properties"]
    assert list(taken) == list(operation.parameters.model_fields)
    for name, declared in operation.parameters.model_fields.items():
        assert taken[name]["description"] == declared.description
