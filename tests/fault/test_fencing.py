"""Workers that are stopped at the worst moments, and go on when another has their work.

Who is stopped counts as gone at once here, because the queue is told so: otherwise it takes 30 seconds of silence.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from PIL import Image

from tests.integration.scene import Scene, encoded, fleet_scene, opened, picture
from tests.patience import PATIENCE_SECONDS, until
from tests.servers.door import Door
from tests.servers.openai_images import Reply
from tests.servers.receiver import Reply as Receipt
from tests.servers.s3 import S3Server
from tests.servers.s3_targets import variables_of

_STOPPED_SECONDS = 6.0  # more than a worker takes it for granted that it still has what it had


@asynccontextmanager
async def taken_over(it: Scene, url: str) -> AsyncIterator[None]:
    """Stop the worker, let another take its work over, and wake it in the end."""
    assert it.fleet is not None
    sleeper = it.workers[0]
    sleeper.signal_family(signal.SIGSTOP)
    asleep = asyncio.create_task(asyncio.sleep(_STOPPED_SECONDS))
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as operator:
        await operator.execute("DELETE FROM procrastinate_workers")
    async with it.fleet.worker():
        yield
        await asleep
    sleeper.signal_family(signal.SIGCONT)


async def knows_it(it: Scene) -> None:
    """Until the worker that was stopped has found out that it lost its work, and has ended what it had begun."""
    sleeper = it.workers[0]
    await until(lambda: "taken the" in sleeper.log)
    await sleeper.stop()


async def test_a_call_that_was_not_sent_whole_when_its_worker_was_stopped_is_not_made_any_more(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    async with Door() as door:
        model = {"OPENAI_BASE_URL": f"http://{door.authority}/v1"}
        async with fleet_scene(tmp_path, empty_postgres_url, workers=1, **model) as it:
            door.server_url = it.images.url
            job_id = await it.tool(image_base64=encoded(_large_picture()))
            async with asyncio.timeout(PATIENCE_SECONDS):
                await door.came.wait()
            async with taken_over(it, empty_postgres_url):
                said = await it.callback(job_id)
            door.open()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await door.left.wait()
            await knows_it(it)
            job = await it.job(job_id)

    assert len(it.images.calls) == 1
    assert (said["status"], said["source"]) == ("completed", "provider")
    withheld, made = job["attempts"]
    assert (withheld["code"], withheld["possibly_billed"]) == ("withheld", False)
    assert made["outcome"] == "succeeded"
    assert len(it.visits(job_id)) == 1


@pytest.mark.patient
async def test_a_fallback_that_was_on_its_way_to_the_store_does_not_go_before_a_paid_picture(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    with S3Server(buckets=("pictures-in", "pictures-out")) as store:
        async with fleet_scene(tmp_path, empty_postgres_url, workers=1, **variables_of(store)) as it:
            store.holding = re.compile(r"^PUT .*_modified\.png")
            it.images.script("cut", Reply(delay_seconds=10))
            job_id = await it.tool(image_base64=encoded(picture()), filename="cat.png")
            await until(lambda: bool(store.waiting))
            async with taken_over(it, empty_postgres_url):
                await until(lambda: len(it.images.calls) == 2)
                store.holding = None  # the fallback is stored, and then the paid picture comes
                said = await it.callback(job_id)
            await knows_it(it)
            job = await it.job(job_id)
            stored = store.held("pictures-out")
            answer = await it.client.get(said["result_url"])

    assert (said["status"], said["source"]) == ("completed", "provider")
    assert opened(answer.content).size == (120, 80)
    assert job["output"]["source"] == "provider"
    assert job["output"]["key"].endswith("/cat_modified.provider.png")
    assert {key.rpartition("/")[2] for key in stored} >= {"cat_modified.png", "cat_modified.provider.png"}
    assert len(it.images.calls) == 2
    assert len({visit.headers["webhook-id"] for visit in it.visits(job_id)}) == 1


@pytest.mark.patient
async def test_a_callback_that_was_out_when_its_worker_was_stopped_comes_again_under_its_id(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    async with fleet_scene(tmp_path, empty_postgres_url, workers=1) as it:
        it.receiver.script.append(Receipt(delay_seconds=5))
        job_id = await it.tool(image_base64=encoded(picture()))
        await until(lambda: bool(it.visits(job_id)))
        async with taken_over(it, empty_postgres_url):
            await until(lambda: len(it.visits(job_id)) == 2)
        await knows_it(it)
        job = await it.job(job_id)

    assert job["callback"]["state"] == "delivered"
    assert len(it.visits(job_id)) == 2
    assert len({(visit.headers["webhook-id"], visit.body) for visit in it.visits(job_id)}) == 1
    assert len(it.images.calls) == 1


@pytest.mark.patient
async def test_a_picture_that_is_stored_while_its_job_waits_for_a_turn_elsewhere_is_not_paid_for_again(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    async with fleet_scene(tmp_path, empty_postgres_url, workers=2, AFTERIMAGE_PROVIDER_CONCURRENCY="1") as it:
        it.images.script("hang")
        job_id = await it.tool(image_base64=encoded(picture()))
        await until(lambda: len(it.images.calls) == 1)
        async with await psycopg.AsyncConnection.connect(empty_postgres_url, autocommit=True) as operator:
            await operator.execute(
                "DELETE FROM procrastinate_workers WHERE id IN (SELECT worker_id FROM procrastinate_jobs)"
            )
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await it.job(job_id))["attempts"][0]["code"] != "interrupted":
                await asyncio.sleep(0.05)
        it.images.release()
        said = await it.callback(job_id)
        job = await it.job(job_id)

    assert (said["status"], said["source"]) == ("completed", "provider")
    assert [attempt["code"] for attempt in job["attempts"]] == ["interrupted"]
    assert len(it.images.calls) == 1


def _large_picture(side: int = 1600) -> bytes:
    """A picture of some megabytes that no compressor makes smaller."""
    file = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(file, "PNG", compress_level=0)
    return file.getvalue()
