"""How far a job is, through a real WebSocket client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.progress import connected, messages, opened, refusal
from tests.integration.scene import OpenScene, Scene, encoded, picture
from tests.integration.test_batches import TOOL, fill, progressed
from tests.patience import PATIENCE_SECONDS, until
from tests.servers.event_source import EventSource
from tests.servers.images_replies import Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_scene(tmp_path_factory: pytest.TempPathFactory, open_scene: OpenScene) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path_factory.mktemp("scene")) as it:
        yield it


@pytest.fixture
def at(one_scene: Scene) -> Scene:
    """The scene of all tests that do not stop it."""
    one_scene.images.reset()
    return one_scene


async def test_a_batch_is_watched_to_its_end(at: Scene) -> None:
    fill(at, "in", 12)
    (at.service.data_dir / "storage/pictures/in/notes.txt").write_text("no picture")
    at.images.script(*[Reply()] * 3, always="hang")
    job_id = await at.tool(TOOL, prefix="in/", concurrency=3)
    await progressed(at, job_id, succeeded=3)
    await until(lambda: len(at.images.calls) == 6)
    progress_url = (await at.job(job_id))["urls"]["progress"]
    async with connected(progress_url) as socket:
        await socket.send("whatever a client has to say")
        first = json.loads(await socket.recv())
        at.images.script(always=Reply())
        at.images.release()
        *before, last = [first, *await messages(socket)]
        assert socket.close_code == 1000
    assert {message["type"] for message in before} == {"progress"}
    counts = [message["current"] for message in before]
    assert counts == sorted(counts)
    assert counts[0] == 3
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


async def test_without_keys_pages_of_other_sites_are_kept_out(at: Scene) -> None:
    job = (await at.submit({"Prefer": "wait=60"}, image_base64=encoded(picture()))).json()
    assert await refusal(at, job["id"], origin="https://evil.example") == (403, "foreign_origin")
    async with opened(at, job["id"], origin=at.service.url) as socket:
        assert [message["type"] for message in await messages(socket)] == ["complete"]


async def test_silence_is_broken_and_a_stopping_service_says_so(tmp_path: Path, open_scene: OpenScene) -> None:
    async with open_scene(tmp_path, AFTERIMAGE_SHUTDOWN_GRACE_SECONDS="0") as at:
        at.images.script("hang")
        job_id = (await at.submit(image_base64=encoded(picture()))).json()["id"]
        source = EventSource(at.client, f"/api/v1/jobs/{job_id}/events")
        following = asyncio.create_task(source.once())
        async with opened(at, job_id) as socket, asyncio.timeout(PATIENCE_SECONDS):
            while json.loads(await socket.recv()) != {"type": "ping"}:
                pass
            while not source.comments:
                await asyncio.sleep(0.1)
            await at.service.stop()
            await messages(socket)
            assert socket.close_code == 1012
        await following
        assert "Traceback" not in at.service.log
