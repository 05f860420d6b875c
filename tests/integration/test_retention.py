"""What is kept for how long."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.integration.scene import OpenScene, Scene, encoded, picture
from tests.patience import PATIENCE_SECONDS
from tests.servers.pictures import PictureServer

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True)
class Past:
    """A job with a picture and a product set, both done, whose files' time is over."""

    scene: Scene
    job: dict[str, Any]
    set_id: str

    @property
    def bucket(self) -> Path:
        return self.scene.service.data_dir / "storage" / "pictures"

    @property
    def sources(self) -> Path:
        """Where the lists of the set were; a folder goes a moment after its last file."""
        return self.bucket / "sources" / self.set_id

    def is_there(self) -> bool:
        """Whether there is anything left but the report of the set, which stays; folders may vanish meanwhile."""
        folders = os.walk(self.bucket)
        return self.sources.exists() or any(names for folder, _, names in folders if not folder.endswith("/report"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def past(tmp_path_factory: pytest.TempPathFactory, open_scene: OpenScene) -> AsyncIterator[Past]:
    folder = tmp_path_factory.mktemp("scene")
    async with PictureServer(picture()) as shop, open_scene(folder, AFTERIMAGE_OUTPUT_RETENTION_HOURS="0.005") as it:
        job = (await it.submit({"Prefer": "wait=60"}, image_base64=encoded(picture()))).json()
        assert (await it.client.get(job["output"]["url"])).status_code == httpx.codes.OK
        items = [{"url": shop.link("good", "1.png"), "group": f"SKU-{n}"} for n in range(1001)]
        asked = {"items": items, "prompt": "Make it orange", "max_cost_usd": 0.001}
        past = Past(it, job, (await it.client.post("/api/v1/jobs", json=asked)).json()["id"])
        assert len(list(past.sources.iterdir())) == 2
        ended = await it.ended(past.set_id)
        assert ended["progress"]["skipped"] == 1001
        over_at = datetime.fromisoformat(ended["expires_at"])
        await asyncio.sleep(max(0.0, (over_at - datetime.now(UTC)).total_seconds()))
        await it.restart()  # housekeeping is the first thing that who works does
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await asyncio.to_thread(past.is_there):
                await asyncio.sleep(0.05)
        yield past


async def test_pictures_go_when_their_time_is_over_and_the_job_still_tells(past: Past) -> None:
    client, job_id = past.scene.client, past.job["id"]
    assert (await client.get(f"/api/v1/jobs/{job_id}/output")).status_code == httpx.codes.GONE
    assert (await client.get(past.job["output"]["url"])).status_code == httpx.codes.GONE
    kept = await past.scene.job(job_id)
    assert kept["status"] == "succeeded"
    assert kept["output"]["url"] is None


async def test_the_lists_of_a_set_go_when_their_time_is_over_and_who_was_asked_for_is_still_told(past: Past) -> None:
    assert not past.sources.exists()
    path = f"/api/v1/jobs/{past.set_id}/items"
    assert len((await past.scene.client.get(path, params={"limit": 1000})).json()["data"]) == 1000
