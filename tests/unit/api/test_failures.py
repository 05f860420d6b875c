"""Every exception that can leave a route, and the problem document that it becomes."""

from __future__ import annotations

import httpx
import pytest

from service.domain.pictures import PictureFault, PictureRefusedError
from service.domain.refusals import RefusalCode, RefusedError
from service.ports.fetching import ForbiddenURLError
from service.ports.ledger import LedgerUnavailableError
from service.ports.storage import StorageError
from tests.unit.api.test_tools import BASE64, CALLBACK, ENCODED
from tests.unit.api.world import World

BODY = {"prompt": "invert", "image_base64": ENCODED}


@pytest.mark.parametrize(
    ("error", "status", "code", "retryable", "retry_after"),
    [
        (LedgerUnavailableError("disk on fire at /secret"), 503, "temporarily_unavailable", True, "5"),
        (StorageError("key AKIA", code="slow_down", transient=True), 503, "storage_unavailable", True, "5"),
        (StorageError("key AKIA", code="access_denied", transient=False), 503, "storage_unavailable", False, "5"),
        (PictureRefusedError(PictureFault.TOO_MANY_BYTES, "too big"), 413, "image_too_large", False, None),
        (PictureRefusedError(PictureFault.DAMAGED, "cut off"), 422, "image_damaged", False, None),
        (ForbiddenURLError("not this one"), 422, "invalid_callback_url", False, None),
        (RefusedError("idempotency_key_in_flight", "wait", retryable=True, retry_after_seconds=0.2), 409,
         "idempotency_key_in_flight", True, "1"),
        (ZeroDivisionError("secret internals"), 500, "internal_error", False, None),
    ],
)  # fmt: skip
async def test_exceptions_become_problems(
    client: httpx.AsyncClient,
    world: World,
    error: Exception,
    status: int,
    code: str,
    retryable: bool,
    retry_after: str | None,
) -> None:
    world.refusal = error
    answer = await client.post(BASE64, json=BODY, headers=CALLBACK)
    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.json()["code"], answer.json()["retryable"]) == (code, retryable)
    assert answer.headers.get("Retry-After") == retry_after
    assert "secret" not in answer.text
    assert "AKIA" not in answer.text


@pytest.mark.parametrize(("seconds", "state"), [(4.2, '"unfinished-jobs";r=0;t=5'), (None, '"unfinished-jobs";r=0')])
async def test_full_queue_announces_its_limit(
    client: httpx.AsyncClient, world: World, seconds: float | None, state: str
) -> None:
    world.refusal = RefusedError(RefusalCode.QUEUE_FULL, "full", retryable=True, retry_after_seconds=seconds)
    answer = await client.post(BASE64, json=BODY, headers=CALLBACK)
    assert answer.status_code == 429
    assert answer.headers["RateLimit-Policy"] == '"unfinished-jobs";q=10000;qu="concurrent-requests"'
    assert answer.headers["RateLimit"] == state
    assert answer.headers.get("Retry-After") == (None if seconds is None else "5")


async def test_unknown_paths_and_methods_are_problems(client: httpx.AsyncClient) -> None:
    nowhere = await client.get("/nowhere/at%20all")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not_found")
    assert nowhere.json()["instance"] == "/nowhere/at%20all"
    wrong = await client.get(BASE64)
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["Allow"] == "POST"


async def test_at_most_twenty_errors_are_told(client: httpx.AsyncClient) -> None:
    answer = await client.post(BASE64, json=BODY | {f"x{number}": 1 for number in range(500)}, headers=CALLBACK)
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 20
    assert answer.json()["errors"][0] == {
        "pointer": "/x0",
        "detail": "Extra inputs are not permitted",
        "code": "extra_forbidden",
    }
