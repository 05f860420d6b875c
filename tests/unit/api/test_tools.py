"""The agent tools: what they hand on, what they answer, and that asking twice is asking once."""

from __future__ import annotations

import base64

import httpx
import pytest

from service.domain.jobs import Contract
from service.domain.refusals import FieldError, RefusalCode, RefusedError
from service.usecases.submissions import InlineSource, LinkedSource, ObjectSource
from tests.unit.api.world import World

PICTURE = b"\x89PNG and more"
ENCODED = base64.b64encode(PICTURE).decode()
CALLBACK = {"callbackUrl": "https://agent.example/resume/1"}
BASE64 = "/process-image-async-b64"
OBJECT = "/process-image-async"
BATCH = "/batch-process-images"


async def test_base64_tool_hands_on_the_decoded_picture(client: httpx.AsyncClient, world: World) -> None:
    body = {"prompt": "invert", "filename": "cat.png", "image_base64": ENCODED}
    answer = await client.post(BASE64, json=body, headers=CALLBACK)

    (submission,) = world.submissions
    assert answer.status_code == 202
    assert answer.json() == {"accepted": True, "job_id": next(iter(world.ledger.known))}
    assert answer.headers["Location"] == f"/api/v1/jobs/{answer.json()['job_id']}"
    assert answer.headers["Retry-After"] == "3"
    assert "Idempotency-Replayed" not in answer.headers
    assert submission.source == InlineSource(PICTURE)
    assert (submission.tenant, submission.contract, submission.operation) == ("default", Contract.TOOL_BASE64, "edit")
    assert (submission.prompt, submission.filename) == ("invert", "cat.png")
    assert submission.callback_url == CALLBACK["callbackUrl"]
    assert submission.pointers["source"] == "/image_base64"
    assert submission.pointers["callback_url"] == "header:callbackUrl"
    assert submission.idempotency is None


@pytest.mark.parametrize(
    ("given", "source", "pointer"),
    [
        ({"image_base64": ENCODED}, InlineSource(PICTURE), "/image_base64"),
        ({"image_url": "https://a.example/cat.png"}, LinkedSource("https://a.example/cat.png"), "/image_url"),
        ({"object_key": "in/cat.png"}, ObjectSource("in/cat.png"), "/object_key"),
        ({"object_key": "cat.png", "bucket": "other"}, ObjectSource("cat.png", "other"), "/object_key"),
    ],
)
async def test_object_tool_takes_three_kinds_of_source(
    client: httpx.AsyncClient, world: World, given: dict[str, str], source: object, pointer: str
) -> None:
    answer = await client.post(OBJECT, json={"prompt": "invert", **given}, headers=CALLBACK)

    (submission,) = world.submissions
    assert answer.status_code == 202
    assert (submission.contract, submission.source) == (Contract.TOOL_OBJECT, source)
    assert submission.pointers["source"] == pointer


@pytest.mark.parametrize(
    "given",
    [{}, {"image_url": "https://a.example", "object_key": "x"}, {"image_url": "https://a.example", "bucket": "x"}],
)
async def test_object_tool_wants_exactly_one_source(client: httpx.AsyncClient, world: World, given: dict) -> None:
    answer = await client.post(OBJECT, json={"prompt": "invert", **given}, headers=CALLBACK)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [""]
    assert not world.submissions


async def test_batch_tool_hands_on_every_field(client: httpx.AsyncClient, world: World) -> None:
    body = {
        "prompt": "invert",
        "bucket": "in",
        "prefix": "shop/",
        "output_bucket": "out",
        "output_prefix": "done",
        "include": ["*.png"],
        "exclude": ["*/old/*"],
        "max_items": 10,
        "concurrency": 5,
        "max_cost_usd": 1.5,
        "dry_run": True,
        "skip_existing": True,
        "redo_fallbacks_of": "job_" + "a" * 32,
    }
    answer = await client.post(BATCH, json=body, headers={**CALLBACK, "Idempotency-Key": "k"})

    (batch,) = world.batches
    assert answer.status_code == 202
    handed_on = {name: getattr(batch, name) for name in body}
    assert handed_on == body | {"include": ("*.png",), "exclude": ("*/old/*",)}
    assert batch.only_failed_of is None
    assert batch.callback_url == CALLBACK["callbackUrl"]
    assert batch.idempotency.key == "k"


async def test_batch_tool_needs_only_a_prompt(client: httpx.AsyncClient, world: World) -> None:
    answer = await client.post(BATCH, json={"prompt": "invert"}, headers=CALLBACK)
    assert answer.status_code == 202
    assert (world.batches[0].include, world.batches[0].max_items) == ((), None)


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"max_items": 0}, "/max_items"),
        ({"max_cost_usd": -1}, "/max_cost_usd"),
        ({"include": ["a", ""]}, "/include/1"),
        ({"only_failed_of": "nonsense"}, "/only_failed_of"),
        ({"only_failed_of": "job_" + "a" * 32, "redo_fallbacks_of": "job_" + "a" * 32}, ""),
    ],
)
async def test_batch_tool_names_the_wrong_field(client: httpx.AsyncClient, wrong: dict, pointer: str) -> None:
    answer = await client.post(BATCH, json={"prompt": "invert", **wrong}, headers=CALLBACK)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("headers", [{}, {"callbackUrl": ""}])
@pytest.mark.parametrize("path", [BASE64, OBJECT, BATCH])
async def test_callback_url_is_required(client: httpx.AsyncClient, path: str, headers: dict[str, str]) -> None:
    answer = await client.post(path, json={"prompt": "invert"}, headers=headers)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["header:callbackUrl"]


async def test_same_key_same_request_is_the_same_job(client: httpx.AsyncClient, world: World) -> None:
    body = {"prompt": "invert", "image_base64": ENCODED}
    bare = await client.post(BASE64, json=body, headers={**CALLBACK, "Idempotency-Key": "k1"})
    quoted = await client.post(BASE64, json=body, headers={**CALLBACK, "Idempotency-Key": '"k1"'})

    assert bare.status_code == quoted.status_code == 202
    assert bare.json() == quoted.json()
    assert "Idempotency-Replayed" not in bare.headers
    assert quoted.headers["Idempotency-Replayed"] == "true"
    assert len(world.submissions) == 1


@pytest.mark.parametrize("difference", ["body", "callback", "path"])
async def test_same_key_other_request_is_refused(client: httpx.AsyncClient, difference: str) -> None:
    headers = {**CALLBACK, "Idempotency-Key": "k1"}
    body = {"prompt": "invert", "image_base64": ENCODED}
    await client.post(BASE64, json=body, headers=headers)

    if difference == "body":
        body["prompt"] = "blur"
    elif difference == "callback":
        headers["callbackUrl"] += "2"
    answer = await client.post(OBJECT if difference == "path" else BASE64, json=body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_key_reused"
    assert answer.json()["errors"][0]["pointer"] == "header:Idempotency-Key"


async def test_refusal_of_the_use_case_names_the_field(client: httpx.AsyncClient, world: World) -> None:
    detail = "this address is not allowed"
    error = FieldError("header:callbackUrl", detail, RefusalCode.INVALID_CALLBACK_URL)
    world.refusal = RefusedError(RefusalCode.INVALID_CALLBACK_URL, detail, errors=(error,))
    answer = await client.post(BASE64, json={"prompt": "invert", "image_base64": ENCODED}, headers=CALLBACK)

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:afterimage:problem:invalid_callback_url",
        "title": "Invalid callback url",
        "status": 422,
        "detail": detail,
        "instance": BASE64,
        "code": "invalid_callback_url",
        "retryable": False,
        "errors": [{"pointer": "header:callbackUrl", "detail": detail, "code": "invalid_callback_url"}],
    }
