"""Whose jobs are seen by whom."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.integration.progress import messages, opened, refusal
from tests.integration.scene import OpenScene, Scene, encoded, picture
from tests.integration.tenants import ALICE, BOB, CAROL, DAVE, KEYS
from tests.servers.event_source import EventSource

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_scene(tmp_path_factory: pytest.TempPathFactory, open_scene: OpenScene) -> AsyncIterator[Scene]:
    variables = {"AFTERIMAGE_API_KEYS": KEYS, "AFTERIMAGE_MAX_QUEUED_JOBS": "1"}
    async with open_scene(tmp_path_factory.mktemp("scene"), **variables) as it:
        yield it


@pytest.fixture
def at(one_scene: Scene) -> Scene:
    one_scene.images.reset()
    return one_scene


async def test_a_tenant_sees_its_own_jobs_alone(at: Scene) -> None:
    assert (await at.submit(image_base64=encoded(picture()))).status_code == httpx.codes.UNAUTHORIZED
    wrong = {"Authorization": "Bearer nobody"}
    assert (await at.submit(wrong, image_base64=encoded(picture()))).status_code == httpx.codes.UNAUTHORIZED

    at.images.script("hang")
    job = (await at.submit(ALICE, image_base64=encoded(picture()))).json()
    path = f"/api/v1/jobs/{job['id']}"
    assert (await at.client.get(path, headers=ALICE)).status_code == httpx.codes.OK
    for method, place in (("GET", path), ("POST", f"{path}/cancel"), ("GET", f"{path}/output")):
        answer = await at.client.request(method, place, headers=BOB)
        assert answer.status_code == httpx.codes.NOT_FOUND, (method, place)
    assert (await at.client.get("/api/v1/jobs", headers=BOB)).json()["data"] == []

    full = await at.submit(ALICE, image_base64=encoded(picture()))
    assert full.status_code == httpx.codes.TOO_MANY_REQUESTS
    assert int(full.headers["retry-after"]) > 0
    assert "ratelimit" in full.headers
    assert (await at.submit(BOB, image_base64=encoded(picture()))).status_code == httpx.codes.ACCEPTED
    await at.client.post(f"{path}/cancel", headers=ALICE)


async def test_events_are_their_tenants_alone(at: Scene) -> None:
    job = (await at.submit({**CAROL, "Prefer": "wait=60"}, image_base64=encoded(picture()))).json()
    path = f"/api/v1/jobs/{job['id']}/events"
    assert (await at.client.get(path)).status_code == httpx.codes.UNAUTHORIZED
    foreign = await at.client.get(path, headers=BOB)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "not_found")
    found = await EventSource(at.client, path, CAROL).follow()
    assert [event.event for event in found] == ["job.queued", "job.running", "job.succeeded"]


async def test_who_watches_a_job_comes_in_with_a_key_of_its_tenant(at: Scene) -> None:
    job = (await at.submit({**DAVE, "Prefer": "wait=60"}, image_base64=encoded(picture()))).json()
    key = base64.urlsafe_b64encode(DAVE["Authorization"].removeprefix("Bearer ").encode()).decode().rstrip("=")
    browser = ["afterimage.progress", f"base64url.bearer.authorization.afterimage.{key}"]
    async with opened(at, job["id"], subprotocols=browser, origin="https://shop.example") as socket:
        assert socket.subprotocol == "afterimage.progress"
        assert [message["type"] for message in await messages(socket)] == ["complete"]
    async with opened(at, job["id"], additional_headers=DAVE) as socket:
        assert socket.subprotocol is None
        assert [message["status"] for message in await messages(socket)] == ["succeeded"]
    assert await refusal(at, job["id"]) == (401, "unauthenticated")
    assert await refusal(at, job["id"], additional_headers={"X-API-Key": "nobody"}) == (401, "unauthenticated")
    assert await refusal(at, job["id"], additional_headers=BOB) == (404, "not_found")
    assert await refusal(at, "nonsense", additional_headers=BOB) == (404, "not_found")
    assert key not in at.service.log
    assert "Traceback" not in at.service.log
