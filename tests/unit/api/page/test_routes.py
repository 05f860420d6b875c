"""The page as served: who gets what at ``/``, and how long it may be kept."""

from __future__ import annotations

import re

import httpx
import pytest
from pydantic import SecretStr

from service.api.options import ApiOptions
from tests.unit.api.conftest import Ask

HTML = {"Accept": "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8"}
JSON = {"Accept": "application/json"}


@pytest.mark.parametrize("headers", [HTML, {}])
async def test_people_get_a_page_that_may_load_nothing_else(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    page = await client.get("/", headers=headers)
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Vary"] == "Accept"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "img-src 'self' blob: https://s3.example https://*.s3.example" in policy


async def test_programs_get_an_index_without_a_key(ask: Ask) -> None:
    options = ApiOptions(public_url="https://img.example", api_keys={SecretStr("k"): "t"})
    index = await ask(options=options).get("/", headers=JSON)
    document = index.json()
    assert (document["name"], document["key_needed"]) == ("Afterimage", True)
    assert document["urls"]["tools"] == "https://img.example/openapi/tools.json"
    assert (await ask().get("/", headers=JSON)).json()["key_needed"] is False


async def test_everything_that_the_index_names_is_there(client: httpx.AsyncClient) -> None:
    urls = (await client.get("/", headers=JSON)).json()["urls"]
    found = {name: (await client.get(url)).status_code for name, url in urls.items()}
    assert found == dict.fromkeys(urls, 200) | {"mcp": 405}, "of MCP there is nothing to GET"


async def test_everything_that_the_page_refers_to_is_there(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).text
    paths = set(re.findall(r'(?:href|src)="(?!#)([^"]+)"', page))
    assert {"page/main.js", "docs", "openapi/tools.yaml", "metrics"} <= paths
    assert {path: (await client.get(f"/{path}")).status_code for path in paths} == dict.fromkeys(paths, 200)


async def test_what_is_known_is_not_sent_again(client: httpx.AsyncClient) -> None:
    for path in ("/", "/page/main.js"):
        first = await client.get(path)
        again = await client.get(path, headers={"If-None-Match": f'"other", W/{first.headers["ETag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        for name in ("ETag", "Cache-Control", "Content-Security-Policy"):
            assert again.headers[name] == first.headers[name], "a cache would take it over"
        assert (await client.get(path, headers={"If-None-Match": '"other"'})).content == first.content


async def test_it_is_only_read(client: httpx.AsyncClient) -> None:
    for path in ("/", "/page/main.js"):
        head = await client.head(path)
        assert (head.status_code, head.headers["ETag"]) == (200, (await client.get(path)).headers["ETag"])
        assert (await client.post(path)).status_code == 405


@pytest.mark.parametrize("name", ["index.html", "missing.js", "..%2Froutes.py", "%2Fetc%2Fpasswd"])
async def test_there_is_nothing_else(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/page/{name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
