"""The Images server as a process, as other tests use it: scripted and asked over HTTP, as large as it is told."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.provider_suite import picture
from tests.servers.processes import ChildProcess

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    arguments = ["-m", "tests.servers.openai_images", "--ready-made", "50000", "--delay", "0.1"]
    process = ChildProcess(arguments, env={}, cwd=ROOT, log=tmp_path / "server.log")
    process.spawn()
    try:
        url = (await process.first_line()).removesuffix("/v1")
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
            yield client
    finally:
        await process.end()


async def edit(client: httpx.AsyncClient, *, mime_type: str = "image/png", **fields: str) -> httpx.Response:
    return await client.post(
        "/v1/images/edits",
        data={"prompt": "a cat", "model": "gpt-image-2"} | fields,
        files={"image": ("a.png", picture().data, mime_type)},
        headers={"Authorization": "Bearer sk-test"},
    )


async def calls(client: httpx.AsyncClient) -> dict[str, Any]:
    return (await client.get("/control/calls")).json()


async def test_it_answers_as_it_was_started(client: httpx.AsyncClient) -> None:
    before = time.monotonic()
    answer = await edit(client)
    assert time.monotonic() - before >= 0.1
    assert len(base64.b64decode(answer.json()["data"][0]["b64_json"])) == pytest.approx(50_000, rel=0.05)
    assert answer.headers["x-request-id"]


async def test_it_is_scripted_over_http(client: httpx.AsyncClient) -> None:
    replies = ["billing_hard_limit", {"like": "rate_limited", "headers": {"Retry-After": "9"}}, {"delay_seconds": 0}]
    await client.post("/control/script", json={"replies": replies, "always": "overloaded"})
    answers = [await edit(client) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [400, 429, 200, 503, 503]
    assert answers[1].headers["retry-after"] == "9"


async def test_it_tells_what_it_saw(client: httpx.AsyncClient) -> None:
    await client.post("/control/script", json={"always": "picture"})
    await edit(client, quality="low")
    seen = await calls(client)
    assert (seen["count"], seen["in_flight"], seen["most_in_flight"]) == (1, 0, 1)
    assert seen["calls"][0]["fields"] == {"prompt": "a cat", "model": "gpt-image-2", "quality": "low"}
    await client.delete("/control/calls")
    assert (await calls(client))["count"] == 0


async def test_it_checks_the_form_as_the_vendor_does(client: httpx.AsyncClient) -> None:
    await client.post("/control/script", json={"always": "picture"})
    wrong: list[tuple[dict[str, str], int, str]] = [
        ({"mime_type": "image/gif"}, 400, "unsupported_file_mimetype"),
        ({"model": "dall-e-2"}, 404, "model_not_found"),
        ({"prompt": ""}, 400, "missing_required_parameter"),
        ({"sizes": "auto"}, 400, "unknown_parameter"),
        ({"size": "1000x1000"}, 400, "invalid_value"),
        ({"size": "2160x64"}, 400, "invalid_value"),
        ({"quality": "max"}, 400, "invalid_value"),
        ({"quality": "best"}, 400, "invalid_value"),
        ({"output_compression": "50"}, 400, "invalid_value"),
        ({"background": "transparent", "output_format": "jpeg"}, 400, "invalid_value"),
        ({"input_fidelity": "low"}, 400, "invalid_input_fidelity_model"),
    ]
    for fields, status, code in wrong:
        answer = await edit(client, **fields)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_it_lists_models(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v1/models")).json()["data"]
    assert "gpt-image-2" in {model["id"] for model in listed}
    assert (await client.get("/v1/models/gpt-image-2")).json()["id"] == "gpt-image-2"
    assert (await client.get("/v1/models/dall-e-3")).status_code == 404


async def test_without_a_key_nothing_is_edited(client: httpx.AsyncClient) -> None:
    await client.post("/control/script", json={"always": "picture"})
    answer = await client.post("/v1/images/edits", data={"prompt": "x"}, files={"image": b"x"})
    assert answer.status_code == 401
