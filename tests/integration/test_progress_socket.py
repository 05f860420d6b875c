"""How far a job is, through a real WebSocket client."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.integration.scene import OpenScene, Scene, encoded, picture
from tests.integration.test_batches import TOOL, fill
from tests.integration.test_retention_and_tenants import ALICE, BOB
from tests.servers.event_source import EventSource
from tests.servers.images_replies import Reply

KEYS = "alice:alice-key-0123456789,bob:bob-key-0123456789abc"


def opened(at: Scene, job_id: str, **more: Any) -> connect:
    url = at.service.url.replace("http", "ws", 1)
    return connect(f"{url}/api/v1/ws/progress/{job_id}", proxy=None, **more)


async def messages(socket: ClientConnection) -> list[dict[str, Any]]:
    """All messages up to the close of the connection."""
    found = []
    try:
        async with asyncio.timeout(30):
            while True:
                found.append(json.loads(await socket.recv()))
    except ConnectionClosed:
        return found


async def refusal(at: Scene, job_id: str, **more: Any) -> tuple[int, str]:
    """Status and code of the answer to a handshake that is refused."""
    with pytest.raises(InvalidStatus) as refused:
        await opened(at, job_id, **more)
    answer = refused.value.response
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status_code, json.loads(answer.body)["code"]


async def test_a_batch_is_watched_to_its_end(tmp_path: Path, open_scene: OpenScene) -> None:
    async with open_scene(tmp_path) as at:
        fill(at, "in", 12)
        (at.service.data_dir / "storage/pictures/in/notes.txt").write_text("no picture")
        at.images.script(always=Reply(delay_seconds=0.3))
        job_id = await at.tool(TOOL, prefix="in/", concurrency=3)
        progress_url = (await at.job(job_id))["urls"]["progress"]
        async with connect(progress_url, proxy=None) as socket:
            await socket.send("whatever a client has to say")
            *before, last = await messages(socket)
            assert socket.close_code == 1000
        assert {message["type"] for message in before} == {"progress"}
        counts = [message["current"] for message in before]
        assert counts == sorted(counts)
        assert any(0 < count < 12 for count in counts)
        assert last == {
            "type": "complete",
            "job_id": job_id,
            "status": "succeeded",
            "stage": "finished",
            "current": 12,
            "total": 12,
            "percentage": 100.0,
            "succeeded": 12,
            "fallback": 0,
            "failed": 0,
            "skipped": 1,
            "error_code": None,
        }
        async with opened(at, job_id) as late:
            assert await messages(late) == [last]


async def test_tenants_come_in_with_their_keys(tmp_path: Path, open_scene: OpenScene) -> None:
    async with open_scene(tmp_path, AFTERIMAGE_API_KEYS=KEYS) as at:
        job = (await at.submit({**ALICE, "Prefer": "wait=20"}, image_base64=encoded(picture()))).json()
        key = base64.urlsafe_b64encode(b"alice-key-0123456789").decode().rstrip("=")
        browser = ["afterimage.progress", f"base64url.bearer.authorization.afterimage.{key}"]
        async with opened(at, job["id"], subprotocols=browser, origin="https://shop.example") as socket:
            assert socket.subprotocol == "afterimage.progress"
            assert [message["type"] for message in await messages(socket)] == ["complete"]
        async with opened(at, job["id"], additional_headers=ALICE) as socket:
            assert socket.subprotocol is None
            assert [message["status"] for message in await messages(socket)] == ["succeeded"]
        assert await refusal(at, job["id"]) == (401, "unauthenticated")
        assert await refusal(at, job["id"], additional_headers={"X-API-Key": "nobody"}) == (401, "unauthenticated")
        assert await refusal(at, job["id"], additional_headers=BOB) == (404, "not_found")
        assert await refusal(at, "nonsense", additional_headers=BOB) == (404, "not_found")
        assert key not in at.service.log
        assert "Traceback" not in at.service.log


async def test_without_keys_pages_of_other_sites_are_kept_out(tmp_path: Path, open_scene: OpenScene) -> None:
    async with open_scene(tmp_path) as at:
        job = (await at.submit({"Prefer": "wait=20"}, image_base64=encoded(picture()))).json()
        assert await refusal(at, job["id"], origin="https://evil.example") == (403, "foreign_origin")
        async with opened(at, job["id"], origin=at.service.url) as socket:
            assert [message["type"] for message in await messages(socket)] == ["complete"]


async def test_silence_is_broken_and_a_stopping_service_says_so(tmp_path: Path, open_scene: OpenScene) -> None:
    async with open_scene(tmp_path, AFTERIMAGE_SHUTDOWN_GRACE_SECONDS="0") as at:
        at.images.script("hang")
        job_id = (await at.submit(image_base64=encoded(picture()))).json()["id"]
        source = EventSource(at.client, f"/api/v1/jobs/{job_id}/events")
        following = asyncio.create_task(source.once())
        async with opened(at, job_id) as socket, asyncio.timeout(60):
            while json.loads(await socket.recv()) != {"type": "ping"}:
                pass
            while not source.comments:
                await asyncio.sleep(0.1)
            await at.service.stop()
            await messages(socket)
            assert socket.close_code == 1012
        await following
        assert "Traceback" not in at.service.log
