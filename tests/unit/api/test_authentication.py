"""API keys: who gets in, and that nobody sees what is another's."""

from __future__ import annotations

import httpx
import pytest
from pydantic import SecretStr

from service.api.options import ApiOptions
from tests.unit.api.conftest import Ask
from tests.unit.api.test_tools import BASE64, CALLBACK, ENCODED
from tests.unit.api.world import World

KEYS = {SecretStr("key-of-acme"): "acme", SecretStr("second-of-acme"): "acme", SecretStr("key-of-brand"): "brand"}
BODY = {"prompt": "invert", "image_base64": ENCODED}


@pytest.fixture
def guarded(ask: Ask) -> httpx.AsyncClient:
    return ask(options=ApiOptions(api_keys=KEYS))


@pytest.mark.parametrize(
    ("headers", "tenant"),
    [
        ({"Authorization": "Bearer key-of-acme"}, "acme"),
        ({"Authorization": "bearer second-of-acme"}, "acme"),
        ({"X-API-Key": "key-of-brand"}, "brand"),
    ],
)
async def test_key_names_the_tenant(
    guarded: httpx.AsyncClient, world: World, headers: dict[str, str], tenant: str
) -> None:
    answer = await guarded.post(BASE64, json=BODY, headers=CALLBACK | headers)
    assert answer.status_code == 202
    assert world.submissions[0].tenant == tenant


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer key-of-acm"},
        {"Authorization": "Basic key-of-acme"},
        {"Authorization": "key-of-acme"},
        {"X-API-Key": ""},
        {"X-API-Key": b"\xff\xfe"},
    ],
)
async def test_no_or_wrong_key(guarded: httpx.AsyncClient, world: World, headers: dict) -> None:
    answer = await guarded.post(BASE64, json=BODY, headers=CALLBACK | headers)
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthenticated"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="afterimage"'
    assert not world.submissions


@pytest.mark.parametrize(
    "path",
    ["/api/v1/jobs", "/api/v1/jobs/job_" + "0" * 32, "/api/v1/operations", "/api/v1/providers", "/cos/config"],
)
async def test_reading_needs_a_key(guarded: httpx.AsyncClient, path: str) -> None:
    assert (await guarded.get(path)).status_code == 401


@pytest.mark.parametrize("path", ["/health", "/api/v1/health/live", "/api/v1/health/ready", "/metrics"])
async def test_probes_need_no_key(guarded: httpx.AsyncClient, path: str) -> None:
    assert (await guarded.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"), [("https://img.example", 202), ("https://evil.example", 403), (None, 202)]
)
async def test_without_keys_no_page_of_another_site_speaks_for_its_visitor(
    client: httpx.AsyncClient, world: World, origin: str | None, status: int
) -> None:
    headers = CALLBACK | ({"Origin": origin} if origin else {})
    answer = await client.post(BASE64, json=BODY, headers=headers)
    assert answer.status_code == status
    assert len(world.submissions) == (status == 202)


async def test_a_key_may_be_sent_from_any_page(guarded: httpx.AsyncClient) -> None:
    headers = CALLBACK | {"X-API-Key": "key-of-acme", "Origin": "https://shop.example"}
    assert (await guarded.post(BASE64, json=BODY, headers=headers)).status_code == 202


async def test_jobs_of_others_do_not_exist(guarded: httpx.AsyncClient) -> None:
    mine, other = {"X-API-Key": "key-of-acme"}, {"X-API-Key": "key-of-brand"}
    job_id = (await guarded.post(BASE64, json=BODY, headers=CALLBACK | mine)).json()["job_id"]
    job = f"/api/v1/jobs/{job_id}"

    assert (await guarded.get(job, headers=mine)).status_code == 200
    assert (await guarded.get(job, headers=other)).status_code == 404
    assert (await guarded.get(f"{job}/output", headers=other)).status_code == 404
    assert (await guarded.get(f"{job}/deliveries", headers=other)).status_code == 404
    assert (await guarded.post(f"{job}/cancel", headers=other)).status_code == 404
    assert (await guarded.get("/api/v1/jobs", headers=other)).json()["data"] == []


async def test_same_idempotency_key_of_two_tenants_is_two_jobs(guarded: httpx.AsyncClient, world: World) -> None:
    for key in ("key-of-acme", "key-of-brand"):
        headers = {**CALLBACK, "X-API-Key": key, "Idempotency-Key": "k"}
        assert (await guarded.post(BASE64, json=BODY, headers=headers)).status_code == 202
    assert len(world.submissions) == 2
    first, second = (submission.idempotency for submission in world.submissions)
    assert first.fingerprint != second.fingerprint
