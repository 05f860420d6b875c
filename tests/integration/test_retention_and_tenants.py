"""What is kept for how long, and for whom."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from tests.integration.scene import OpenScene, encoded, picture

ALICE = {"Authorization": "Bearer alice-key-0123456789"}
BOB = {"X-API-Key": "bob-key-0123456789abc"}


async def test_pictures_go_when_their_time_is_over_and_the_job_still_tells(
    tmp_path: Path, open_scene: OpenScene
) -> None:
    async with open_scene(tmp_path, AFTERIMAGE_OUTPUT_RETENTION_HOURS="0.0005") as it:
        job = (await it.submit({"Prefer": "wait=20"}, image_base64=encoded(picture()))).json()
        assert job["status"] == "succeeded"
        link = job["output"]["url"]
        assert (await it.client.get(link)).status_code == httpx.codes.OK
        await asyncio.sleep(2)
        await it.restart()  # housekeeping is the first thing that who works does
        async with asyncio.timeout(20):
            while (await it.client.get(f"/api/v1/jobs/{job['id']}/output")).status_code != httpx.codes.GONE:
                await asyncio.sleep(0.05)
        kept = await it.job(job["id"])
        assert kept["status"] == "succeeded"
        assert kept["output"]["url"] is None
        assert (await it.client.get(link)).status_code == httpx.codes.GONE
        bucket = it.service.data_dir / "storage" / "pictures"
        left = await asyncio.to_thread(lambda: [path for path in bucket.rglob("*.*") if path.is_file()])
        assert left == []


async def test_a_tenant_sees_its_own_jobs_alone(tmp_path: Path, open_scene: OpenScene) -> None:
    keys = "alice:alice-key-0123456789,bob:bob-key-0123456789abc"
    async with open_scene(tmp_path, AFTERIMAGE_API_KEYS=keys, AFTERIMAGE_MAX_QUEUED_JOBS="1") as it:
        assert (await it.submit(image_base64=encoded(picture()))).status_code == httpx.codes.UNAUTHORIZED
        wrong = {"Authorization": "Bearer nobody"}
        assert (await it.submit(wrong, image_base64=encoded(picture()))).status_code == httpx.codes.UNAUTHORIZED

        it.images.script("hang")
        job = (await it.submit(ALICE, image_base64=encoded(picture()))).json()
        path = f"/api/v1/jobs/{job['id']}"
        assert (await it.client.get(path, headers=ALICE)).status_code == httpx.codes.OK
        for method, place in (("GET", path), ("POST", f"{path}/cancel"), ("GET", f"{path}/output")):
            answer = await it.client.request(method, place, headers=BOB)
            assert answer.status_code == httpx.codes.NOT_FOUND, (method, place)
        assert (await it.client.get("/api/v1/jobs", headers=BOB)).json()["data"] == []

        full = await it.submit(ALICE, image_base64=encoded(picture()))
        assert full.status_code == httpx.codes.TOO_MANY_REQUESTS
        assert int(full.headers["retry-after"]) > 0
        assert "ratelimit" in full.headers
        assert (await it.submit(BOB, image_base64=encoded(picture()))).status_code == httpx.codes.ACCEPTED
        await it.client.post(f"{path}/cancel", headers=ALICE)
