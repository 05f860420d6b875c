"""The service as models use it: through the official client of the Model Context Protocol, old and new revisions."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, ImageContent, ResourceLink, TextContent

from tests.integration.scene import OpenScene, Scene, encoded, opened, picture
from tests.integration.tenants import ALICE, BOB, KEYS
from tests.integration.test_batches import fill
from tests.patience import PATIENCE_SECONDS
from tests.servers.images_replies import Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEGACY, MODERN = "legacy", "2026-07-28"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_scene(tmp_path_factory: pytest.TempPathFactory, open_scene: OpenScene) -> AsyncIterator[Scene]:
    env = {"AFTERIMAGE_API_KEYS": KEYS, "AFTERIMAGE_SHUTDOWN_GRACE_SECONDS": "0"}
    async with open_scene(tmp_path_factory.mktemp("scene"), **env) as it:
        it.client.headers.update(ALICE)
        yield it


@pytest.fixture
def it(one_scene: Scene) -> Scene:
    one_scene.images.forget()
    return one_scene


@asynccontextmanager
async def client(at: Scene, mode: str = MODERN, headers: dict[str, str] = ALICE) -> AsyncIterator[Client]:
    """A client, connected."""
    async with httpx2.AsyncClient(headers=headers, trust_env=False, timeout=PATIENCE_SECONDS) as http:
        transport = streamable_http_client(f"{at.service.url}/mcp", http_client=http)
        async with Client(transport, mode=mode) as connected:
            yield connected


async def job(on: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """The structured result of a tool that can do what it is asked."""
    result = await on.call_tool(tool, arguments)
    assert not result.is_error, result.content
    found: dict[str, Any] = result.structured_content
    return found


async def refused(on: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a model reads of a tool that cannot do what it is asked."""
    result = await on.call_tool(tool, arguments)
    assert result.is_error
    error: dict[str, Any] = json.loads(text(result))
    return error


def text(result: CallToolResult) -> str:
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


@pytest.mark.parametrize("mode", [LEGACY, MODERN])
async def test_an_edit_that_is_waited_for_brings_the_picture_and_a_link(it: Scene, mode: str) -> None:
    told: list[tuple[float, float | None]] = []

    async def progress(done: float, total: float | None, _message: str | None) -> None:
        told.append((done, total))

    async with client(it, mode) as on:
        arguments = {
            "prompt": "Make it orange",
            "image_base64": encoded(picture()),
            "filename": "cat.png",
            "parameters": {"output_format": "webp"},
            "wait_seconds": 60,
        }
        result = await on.call_tool("edit_image", arguments, progress_callback=progress)
    assert not result.is_error
    words, image, link = result.content
    found = result.structured_content
    assert isinstance(words, TextContent)
    assert f"{found['id']} succeeded" in words.text
    assert isinstance(image, ImageContent)
    assert isinstance(link, ResourceLink)
    assert (image.mime_type, link.mime_type, link.name) == ("image/webp", "image/webp", "cat_modified.webp")
    shown = base64.b64decode(image.data)
    assert opened(shown).format == "WEBP"
    assert (await it.client.get(link.uri)).content == shown
    assert link.size == len(shown)
    assert told == [(0, 1), (1, 1)]


async def test_a_large_picture_is_linked_and_not_shown(it: Scene) -> None:
    it.images.script(Reply(ready_made_bytes=1_000_000))
    async with client(it) as on:
        result = await on.call_tool(
            "edit_image", {"prompt": "Make it large", "image_base64": encoded(picture()), "wait_seconds": 60}
        )
    assert [block.type for block in result.content] == ["text", "resource_link"]
    assert isinstance(link := result.content[1], ResourceLink)
    assert len((await it.client.get(link.uri)).content) == link.size


async def test_a_picture_that_somebody_removed_is_not_shown(it: Scene) -> None:
    async with client(it) as on:
        made = await job(on, "edit_image", prompt="x", image_base64=encoded(picture()), wait_seconds=60)
        (it.service.data_dir / "storage" / made["output"]["bucket"] / made["output"]["key"]).unlink()
        result = await on.call_tool("get_job", {"job_id": made["id"]})
    assert [block.type for block in result.content] == ["text", "resource_link"]


@pytest.mark.parametrize("mode", [LEGACY, MODERN])
async def test_a_model_learns_what_was_wrong_and_where(it: Scene, mode: str) -> None:
    async with client(it, mode) as on:
        error = await refused(on, "edit_image", prompt="x", image_url="http://169.254.169.254/", wait_seconds=61)
        assert error["code"] == "invalid_request"
        assert [wrong["argument"] for wrong in error["errors"]] == ["/wait_seconds"]
        error = await refused(on, "edit_image", prompt="x", image_url="http://169.254.169.254/")
        assert (error["code"], error["retryable"]) == ("invalid_image_url", False)
        assert [wrong["argument"] for wrong in error["errors"]] == ["/image_url"]
        error = await refused(on, "edit_image", prompt="x", image_base64=encoded(picture()), parameters={"sise": "1"})
        assert [wrong["argument"] for wrong in error["errors"]] == ["/parameters/sise"]
        error = await refused(on, "list_jobs", cursor="of another list")
        assert [wrong["argument"] for wrong in error["errors"]] == ["/cursor"]
        assert "query:" not in error["message"]
        assert (await refused(on, "get_job", job_id="job_" + "0" * 32))["code"] == "not_found"
        assert not it.images.calls


async def test_the_same_idempotency_key_is_the_same_job(it: Scene) -> None:
    asked = {"prompt": "Make it orange", "image_base64": encoded(picture()), "idempotency_key": "order 17"}
    async with client(it) as on:
        first = await job(on, "edit_image", **asked)
        again = await job(on, "edit_image", **asked, wait_seconds=60)
        assert (again["id"], again["status"]) == (first["id"], "succeeded")
        error = await refused(on, "edit_image", **asked | {"prompt": "Make it green"})
        assert error["code"] == "idempotency_key_reused"


async def test_who_stops_waiting_stops_the_waiting_and_not_the_job(it: Scene) -> None:
    it.images.script("hang")
    async with client(it) as on:
        started = await job(on, "edit_image", prompt="Take your time", image_base64=encoded(picture()))
        told = asyncio.Event()

        async def progress(*_: object) -> None:
            told.set()

        answered = it.service.log.count('"path": "/mcp"')
        waiting = asyncio.create_task(
            on.call_tool("get_job", {"job_id": started["id"], "wait_seconds": 60}, progress_callback=progress)
        )
        await told.wait()
        waiting.cancel()
        async with asyncio.timeout(50):  # the service would have waited for a minute
            while it.service.log.count('"path": "/mcp"') == answered:
                await asyncio.sleep(0.02)
        assert not (await job(on, "get_job", job_id=started["id"]))["finished"]
        await job(on, "cancel_job", job_id=started["id"])
        ended = await job(on, "get_job", job_id=started["id"], wait_seconds=60)
        assert ended["status"] == "canceled"
        assert (await refused(on, "retry_job", job_id=started["id"], status="fallback"))["code"] == "already_finished"
        listed = await job(on, "list_jobs", status="canceled", limit=1)
        assert [one["id"] for one in listed["data"]] == [started["id"]]


async def test_a_batch_is_estimated_started_followed_and_done_again(it: Scene) -> None:
    fill(it, "shelf", 3)
    (it.service.data_dir / "storage/pictures/shelf/broken.png").write_bytes(picture()[:-60])
    told: list[float] = []

    async def progress(done: float, _total: float | None, _message: str | None) -> None:
        told.append(done)

    async with client(it) as on:
        what = {"prompt": "Make it orange", "prefix": "shelf/"}
        estimate = await job(on, "estimate_batch", **what)
        assert estimate["pictures"] == 4
        url = f"{it.receiver.url}/batch"
        started = await job(on, "start_batch", **what, max_cost_usd=5, callback_url=url)
        result = await on.call_tool(
            "get_job", {"job_id": started["id"], "wait_seconds": 60}, progress_callback=progress
        )
        batch = result.structured_content
        assert (batch["status"], batch["progress"]["succeeded"]) == ("partially_succeeded", 3)
        assert "Of 4 pictures 3 succeeded" in text(result)
        assert told == sorted(set(told))
        assert told[-1] == 4
        items = await job(on, "list_batch_items", job_id=batch["id"], status="failed")
        assert [item["key"] for item in items["data"]] == ["shelf/broken.png"]
        assert (await it.client.get(items["report_url"])).json()["Results"]
        again = await job(on, "retry_job", job_id=batch["id"])
        assert again["id"] != batch["id"]
        ended = await job(on, "get_job", job_id=again["id"], wait_seconds=60)
        assert (ended["status"], ended["progress"]["failed"]) == ("failed", 1)
        assert (await it.callback(batch["id"]))["type"] == "job.partially_succeeded"


async def test_a_tenant_comes_in_with_a_key_and_sees_its_own(it: Scene) -> None:
    async with client(it) as on:
        mine = await job(on, "edit_image", prompt="Make it orange", image_base64=encoded(picture()))
        known = await job(on, "describe_service")
        assert {provider["name"] for provider in known["providers"]} == {"openai", "local"}
    async with client(it, headers=BOB) as on:
        assert (await refused(on, "get_job", job_id=mine["id"], wait_seconds=60))["code"] == "not_found"
        assert (await refused(on, "cancel_job", job_id=mine["id"]))["code"] == "not_found"
        assert (await job(on, "list_jobs"))["data"] == []
    answer = await it.client.post("/mcp", json={}, headers={"Authorization": "Bearer nobody"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_nothing_of_a_client_is_kept_and_a_stopping_service_answers_who_waits(it: Scene) -> None:
    it.images.script("hang")
    async with client(it, LEGACY) as on:  # it has introduced itself, which the service forgets
        started = await job(on, "edit_image", prompt="Take your time", image_base64=encoded(picture()))
        told = asyncio.Event()

        async def progress(*_: object) -> None:
            told.set()

        waiting = asyncio.create_task(
            on.call_tool("get_job", {"job_id": started["id"], "wait_seconds": 60}, progress_callback=progress)
        )
        await told.wait()
        await it.service.stop()
        assert "get_job with wait_seconds" in text(await waiting)
        await it.service.start()
        assert (await job(on, "get_job", job_id=started["id"]))["id"] == started["id"]
        await on.call_tool("cancel_job", {"job_id": started["id"]})
    assert "Traceback" not in it.service.log
