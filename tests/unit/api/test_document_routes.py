"""The documents as served."""

from __future__ import annotations

import httpx
import yaml
from pydantic import SecretStr

from service.api.options import ApiOptions
from tests.unit.api.conftest import Ask


async def test_tool_documents_name_the_public_url(client: httpx.AsyncClient) -> None:
    as_json = await client.get("/openapi/tools.json")
    as_yaml = await client.get("/openapi/tools.yaml")
    assert as_json.json()["servers"] == [{"url": "https://img.example"}]
    assert as_yaml.headers["Content-Type"].startswith("application/yaml")
    assert yaml.safe_load(as_yaml.text) == as_json.json()
    assert "security" not in as_json.json()
    assert "components" not in as_json.json()


async def test_tool_document_asks_for_a_key_where_keys_are_configured(ask: Ask) -> None:
    document = (await ask(options=ApiOptions(api_keys={SecretStr("k"): "t"})).get("/openapi/tools.json")).json()
    assert document["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer"}}


async def test_full_document_names_the_public_url(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "https://img.example"}]
    assert (await client.get("/openapi.json")).json() == document


async def test_page(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "/openapi.json" in page.text
    assert "//" not in page.headers["Content-Security-Policy"]
