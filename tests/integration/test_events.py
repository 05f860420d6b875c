"""Following jobs through the service's front door, by clients that drop and processes that die."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.integration.scene import OpenScene, Scene, encoded, picture
from tests.integration.test_batches import TOOL, fill, progressed
from tests.patience import PATIENCE_SECONDS, until
from tests.servers.event_source import EventSource
from tests.servers.fleet import Fleet
from tests.servers.images_replies import Reply
from tests.servers.openai_images import ImagesServer


def source(at: Scene, job_id: str, **more: int) -> EventSource:
    return EventSource(at.client, f"/api/v1/jobs/{job_id}/events", **more)


@pytest.mark.usefixtures("unmeasured")
async def test_every_follower_of_a_batch_hears_everything_once_and_in_order(
    tmp_path: Path, open_scene: OpenScene
) -> None:
    async with open_scene(tmp_path) as at:
        fill(at, "in", 60)
        some = [Reply(delay_seconds=0.1)] * 20
        at.images.script(*some, always="hang")
        job_id = await at.tool(TOOL, prefix="in/", concurrency=4)
        followers = [source(at, job_id), source(at, job_id, leaves_after=1), source(at, job_id, leaves_after=3)]
        async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
            for follower in followers:
                tasks.create_task(follower.follow())
            for done, then in ((20, "hang"), (40, "picture")):
                await progressed(at, job_id, succeeded=done)
                await at.service.kill9()
                at.images.script(*some, always=then)
                at.images.release()
                await at.service.start()
        late = source(at, job_id)
        everything = await late.follow()
        assert late.connections == 1
        assert [follower.told for follower in followers] == [everything] * 3
        assert followers[0].connections >= 2
        assert followers[1].connections >= len(everything)

        assert [event.id for event in everything] == [str(event.data["sequence"]) for event in everything]
        assert [event.data["sequence"] for event in everything] == list(range(1, len(everything) + 1))
        assert {event.data["job_id"] for event in everything} == {job_id}
        kinds = [event.event for event in everything]
        assert kinds[:2] == ["job.queued", "job.running"]
        assert set(kinds[2:-1]) == {"job.progress"}
        assert kinds[-1] == "job.succeeded"
        assert everything[-1].data["data"] == {
            "status": "succeeded",
            "total": 60,
            "succeeded": 60,
            "fallback": 0,
            "failed": 0,
            "skipped": 0,
        }
        counted = [event.data["data"]["succeeded"] for event in everything[2:-1]]
        assert counted == sorted(counted)
        assert counted[-1] > 0


async def test_a_job_is_followed_from_its_document_and_not_waited_for_by_sigterm(
    tmp_path: Path, open_scene: OpenScene
) -> None:
    async with open_scene(tmp_path, AFTERIMAGE_SHUTDOWN_GRACE_SECONDS="0") as at:
        at.images.script("hang")
        job = (await at.submit(image_base64=encoded(picture()))).json()
        follower = EventSource(at.client, job["urls"]["events"])
        following = asyncio.create_task(follower.once())
        await until(lambda: len(follower.told) >= 2)

        assert await at.service.stop() in {0, -signal.SIGTERM}
        assert len(await following) == 2, "ended in order, not cut"
        assert "Cancel" not in at.service.log, "nobody had to be thrown out"

        at.images.script(always=Reply())
        await at.service.start()
        for worker in at.workers:
            await worker.stop()  # what hangs there
            await worker.start()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await follower.follow()
        assert [event.event for event in follower.told] == ["job.queued", "job.running", "job.succeeded"]


async def test_any_process_tells_what_another_one_did(tmp_path: Path, empty_postgres_url: str) -> None:
    with ImagesServer() as images:
        images.script(always=Reply(delay_seconds=0.5))
        fleet = Fleet(tmp_path, empty_postgres_url, {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": images.url})
        await fleet.migrate()
        async with fleet.api() as one, fleet.api() as other, one.client() as client, other.client() as elsewhere:
            body = {"operation": "edit", "prompt": "Make it orange", "image_base64": encoded(picture())}
            job = (await client.post("/api/v1/jobs", json=body)).json()
            path = f"/api/v1/jobs/{job['id']}/events"
            first = EventSource(client, path, leaves_after=2)
            waiting = asyncio.create_task(first.once())
            await until(lambda: len(first.told) >= 1)
            async with fleet.worker(), asyncio.timeout(PATIENCE_SECONDS):
                await waiting
                then = EventSource(elsewhere, path, told=list(first.told))
                everything = await then.follow()
    assert [event.id for event in everything] == ["1", "2", "3"]
    assert [event.event for event in everything] == ["job.queued", "job.running", "job.succeeded"]
