"""What a body may hold: each wrong one is refused with the field's name, and nothing is handed on."""

from __future__ import annotations

import base64

import httpx
import pytest

from service.usecases.submissions import InlineSource
from tests.unit.api.test_tools import BASE64, CALLBACK, ENCODED, PICTURE
from tests.unit.api.world import World


@pytest.mark.parametrize(
    "encoded",
    [
        ENCODED,
        f"data:image/png;base64,{ENCODED}",
        f"data:text/html;charset=utf-8;base64,{ENCODED}",
        f"DATA:;BASE64,{ENCODED}",
        ENCODED.replace("/", "\\/"),
    ],
)
async def test_base64_with_and_without_prefix(client: httpx.AsyncClient, world: World, encoded: str) -> None:
    raw = f'{{"prompt": "invert", "image_base64": "{encoded}"}}'
    answer = await client.post(BASE64, content=raw, headers={**CALLBACK, "Content-Type": "application/json"})
    assert answer.status_code == 202
    assert world.submissions[0].source == InlineSource(PICTURE)


@pytest.mark.parametrize(
    "encoded",
    [
        "!!!!",
        "iVBORw0KGgo",  # no padding
        "iVBO Rw0K",
        "iVBO\nRw0K",
        base64.urlsafe_b64encode(b"\xff\xfe\xfd").decode(),
        "data:image/png,iVBO",
        "data:image/png;base64",
        "data:" + "x" * 300 + ";base64,iVBO",
        "data:;base64,data:;base64,iVBO",
        "=",
        "iVBOé===",
    ],
)
async def test_wrong_base64(client: httpx.AsyncClient, world: World, encoded: str) -> None:
    answer = await client.post(BASE64, json={"prompt": "invert", "image_base64": encoded}, headers=CALLBACK)
    assert answer.status_code == 422
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [
        ("/image_base64", "invalid_base64")
    ]
    assert not world.submissions


@pytest.mark.parametrize(
    ("wrong", "pointer", "code"),
    [
        ({"prompt": ""}, "/prompt", "string_too_short"),
        ({"prompt": "  \n"}, "/prompt", "blank_text"),
        ({"prompt": "x" * 32_001}, "/prompt", "string_too_long"),
        ({"prompt": "a\0b"}, "/prompt", "invalid_text"),
        ({"prompt": None}, "/prompt", "string_type"),
        ({"prompt": 7}, "/prompt", "string_type"),
        ({"prompt": ["x"]}, "/prompt", "string_type"),
        ({"filename": "x" * 256}, "/filename", "string_too_long"),
        ({"image_base64": 10**300}, "/image_base64", "bytes_type"),
        ({"image_base64": None}, "/image_base64", "bytes_type"),
        ({"prompt_": "x"}, "/prompt_", "extra_forbidden"),
        ({"a/b~c": "x"}, "/a~1b~0c", "extra_forbidden"),
    ],
)
async def test_wrong_fields(client: httpx.AsyncClient, world: World, wrong: dict, pointer: str, code: str) -> None:
    body = {"prompt": "invert", "image_base64": ENCODED, **wrong}
    answer = await client.post(BASE64, json=body, headers=CALLBACK)
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_request"
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]
    assert not world.submissions


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"operation": "paint"}, "/operation"),
        ({"operation": None}, "/operation"),
        ({"parameters": {"size": "huge"}}, "/parameters/size"),
        ({"parameters": {"sise": "1x1"}}, "/parameters/sise"),
        ({"parameters": []}, "/parameters"),
        ({"metadata": {"a": 1}}, "/metadata/a"),
        ({"metadata": {"": "x"}}, "/metadata/"),
        ({"metadata": {"a": "x" * 513}}, "/metadata/a"),
        ({"metadata": {str(number): "x" for number in range(17)}}, "/metadata"),
        ({"deadline_seconds": 0}, "/deadline_seconds"),
        ({"deadline_seconds": 1e9}, "/deadline_seconds"),
        ({"mask_base64": "!"}, "/mask_base64"),
        ({"callback_url": ""}, "/callback_url"),
    ],
)
async def test_wrong_job_requests(client: httpx.AsyncClient, world: World, wrong: dict, pointer: str) -> None:
    body = {"operation": "edit", "prompt": "invert", "image_url": "https://a.example/x.png", **wrong}
    answer = await client.post("/api/v1/jobs", json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not world.submissions


async def test_not_a_number_is_no_deadline(client: httpx.AsyncClient) -> None:
    raw = '{"operation": "edit", "prompt": "x", "image_url": "https://a.example", "deadline_seconds": NaN}'
    answer = await client.post("/api/v1/jobs", content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/deadline_seconds"
