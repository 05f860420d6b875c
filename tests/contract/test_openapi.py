"""The OpenAPI documents: valid, in step with the code, and within the rules of those who import them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

from service.api import documents
from service.api.app import routed_app
from service.api.options import ApiOptions
from service.domain.payloads import Base64ToolCallback, BatchToolCallback, ObjectToolCallback

FOLDER = Path(__file__).parents[2] / "openapi"
CALLBACKS = {
    "/process-image-async-b64": Base64ToolCallback,
    "/process-image-async": ObjectToolCallback,
    "/batch-process-images": BatchToolCallback,
}


def load(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / name).read_text())


@pytest.fixture(scope="module")
def tools() -> dict[str, Any]:
    return load("tools.yaml")


@pytest.fixture(scope="module")
def full() -> dict[str, Any]:
    return load("openapi.json")


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a document."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_files_are_in_step_with_the_code() -> None:
    documents.check(FOLDER)


def test_drift_names_the_files_and_the_command(tmp_path: Path) -> None:
    documents.write(tmp_path / "new")
    documents.check(tmp_path / "new")
    (tmp_path / "new" / "tools.json").write_text("{}")
    (tmp_path / "new" / "openapi.json").unlink()
    with pytest.raises(documents.DriftError, match=r"tools\.json, openapi\.json .*run 'afterimage openapi --write'"):
        documents.check(tmp_path / "new")


def test_documents_are_valid(tools: dict[str, Any], full: dict[str, Any]) -> None:
    OpenAPIV30SpecValidator(tools).validate()
    OpenAPIV31SpecValidator(full).validate()
    assert load("tools.json") == tools


def test_tools_are_the_three_with_one_server(tools: dict[str, Any]) -> None:
    assert tools["openapi"] == "3.0.3"
    assert tools["servers"] == [{"url": "http://127.0.0.1:8000"}]
    assert {path: operation["operationId"] for path, _, operation in operations(tools)} == {
        "/process-image-async-b64": "process_image_async_b64",
        "/process-image-async": "process_image_async",
        "/batch-process-images": "batch_process_images",
    }


def test_tools_use_no_keyword_that_importers_stumble_over(tools: dict[str, Any]) -> None:
    forbidden = {"anyOf", "oneOf", "allOf", "$ref", "const", "nullable", "default", "additionalProperties"}
    for node in nodes(tools):
        assert not forbidden & node.keys()
        assert isinstance(node.get("type", ""), str | dict)  # a field may be called type
        assert not isinstance(node.get("exclusiveMinimum"), int)
    assert "null" not in json.dumps(tools)


def test_tools_say_enough_and_not_too_much(tools: dict[str, Any]) -> None:
    for path, method, operation in operations(tools):
        assert method == "post"
        assert 0 < len(operation["summary"]) <= 300
        assert 0 < len(operation["description"]) <= 300
        (header,) = operation["parameters"]
        assert (header["name"], header["in"], header["required"]) == ("callbackUrl", "header", True)
        assert list(operation["responses"]) == ["202"]
        for content in (operation["requestBody"], callback(operation)["requestBody"]):
            schema = content["content"]["application/json"]["schema"]
            for name, field in schema["properties"].items():
                assert 0 < len(field["description"]) <= 700, f"{path} {name}"


def callback(operation: dict[str, Any]) -> dict[str, Any]:
    """The one operation that the receiver of callbacks offers."""
    (named,) = operation["callbacks"].values()
    ((expression, item),) = named.items()
    assert expression == "{$request.header.callbackUrl}"
    assert list(item) == ["post"]
    return item["post"]


def test_declared_callbacks_are_what_is_sent(tools: dict[str, Any]) -> None:
    for path, _, operation in operations(tools):
        model = CALLBACKS[path]
        schema = callback(operation)["requestBody"]["content"]["application/json"]["schema"]
        assert list(schema["properties"]) == list(model.model_fields)
        assert schema["required"] == [name for name, field in model.model_fields.items() if field.is_required()]


def test_every_route_is_documented_with_a_name_of_its_own(full: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(full)]
    assert len(names) == len(set(names))
    assert all(name.replace("_", "").isalnum() and name == name.lower() for name in names)
    assert all(operation.get("description") for _, _, operation in operations(full))


def test_every_reference_leads_somewhere_and_every_schema_is_used(full: dict[str, Any]) -> None:
    used = {node["$ref"] for node in nodes(full) if isinstance(node.get("$ref"), str)}
    assert used == {f"#/components/schemas/{name}" for name in full["components"]["schemas"]}


def test_errors_are_documented_as_problems(full: dict[str, Any]) -> None:
    for path, _, operation in operations(full):
        for status, response in operation["responses"].items():
            if int(status) >= 400 and path != "/api/v1/health/ready":
                assert list(response["content"]) == ["application/problem+json"], f"{path} {status}"


def test_accepting_routes_document_body_errors_and_callback(full: dict[str, Any]) -> None:
    for path in (*CALLBACKS, "/api/v1/jobs"):
        operation = full["paths"][path]["post"]
        assert operation["requestBody"]["required"] is True
        assert {"400", "401", "409", "413", "415", "422", "429", "503"} <= operation["responses"].keys()
        assert operation["callbacks"]
        assert operation["security"] == [{"bearer": []}, {"apiKey": []}]


def test_public_url_is_the_server_of_a_served_document() -> None:
    document = routed_app(ApiOptions(public_url="https://img.example")).openapi()
    assert document["servers"] == [{"url": "https://img.example"}]
