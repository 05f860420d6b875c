"""What an operator and a provider allow, seen by the provider: so many calls a minute and a tenant, and pauses."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from service.domain.pace import Pace
from tests.integration.scene import OpenScene, Scene, encoded, picture
from tests.patience import PATIENCE_SECONDS, until
from tests.servers.images_replies import REPLIES

ALICE, BOB = ({"Authorization": f"Bearer {name}-key-0123456789abc"} for name in ("alice", "bob"))
KEYS = "alice:alice-key-0123456789abc,bob:bob-key-0123456789abc"
_SOONER_SECONDS = 6.0  # that calls may come: 3 as promised, and as much where a busy machine sends the first one late


async def submitted(at: Scene, count: int, **body: object) -> list[str]:
    """The ids of so many jobs, each of another picture."""
    pictures = [encoded(picture(20 + number, 10)) for number in range(count)]
    answers = await asyncio.gather(*(at.submit(image_base64=data, **body) for data in pictures))
    return [answer.json()["id"] for answer in answers]


async def test_calls_of_jobs_and_of_a_batch_start_no_more_often_than_the_rate_allows(
    tmp_path: Path, open_scene: OpenScene
) -> None:
    async with open_scene(tmp_path, workers=2, AFTERIMAGE_PROVIDER_CALLS_PER_MINUTE="120") as at:
        folder = at.service.data_dir / "storage" / "pictures" / "in"
        folder.mkdir(parents=True)
        for number in range(16):
            (folder / f"{number}.png").write_bytes(picture(20 + number, 10))
        batch = await at.tool("/batch-process-images", prefix="in/")
        jobs = await asyncio.gather(*map(at.ended, await submitted(at, 16)))
        assert [(job["output"]["source"], len(job["attempts"])) for job in jobs] == [("provider", 1)] * 16
        assert (await at.ended(batch))["progress"]["succeeded"] == 16
        moments = sorted(call.at for call in at.images.calls)
        interval_seconds = Pace(120).interval_seconds
        assert all(
            moment - moments[0] >= number * interval_seconds - _SOONER_SECONDS for number, moment in enumerate(moments)
        )
        provider, _ = (await at.client.get("/api/v1/providers")).json()["data"]
        assert provider["state"]["calls_per_minute"] == 120


async def test_a_job_waits_for_its_turn_no_longer_than_to_its_deadline_and_is_canceled_while_it_waits(
    tmp_path: Path, open_scene: OpenScene
) -> None:
    variables = {"AFTERIMAGE_PROVIDER_CALLS_PER_MINUTE": "1", "AFTERIMAGE_FALLBACK": "off"}
    async with open_scene(tmp_path, **variables) as at:
        assert (await at.ended((await submitted(at, 1))[0]))["output"]["source"] == "provider"
        (late,) = await submitted(at, 1, deadline_seconds=12)
        (waiting,) = await submitted(at, 1)
        job = await at.ended(late)
        assert (job["error"]["code"], job["attempts"]) == ("rate_limited", [])
        assert "no more than 1 calls may start in a minute" in job["error"]["message"]
        canceled = (await at.client.post(f"/api/v1/jobs/{waiting}/cancel")).json()
        assert (canceled["status"], canceled["attempts"]) == ("canceled", [])
        assert len(at.images.calls) == 1


async def test_a_pause_that_the_provider_asks_for_holds_for_all_jobs(tmp_path: Path, open_scene: OpenScene) -> None:
    async with open_scene(tmp_path, workers=2, AFTERIMAGE_PROVIDER_MAX_ATTEMPTS="2") as at:
        at.images.script(replace(REPLIES["rate_limited"], headers={"Retry-After": "10"}))
        first = await submitted(at, 1)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while "paused_until" not in str(await state(at)):
                await asyncio.sleep(0.02)
        assert (await state(at))["circuit"] == "closed"
        others = await submitted(at, 8)
        jobs = await asyncio.gather(*map(at.ended, first + others))
        assert [job["output"]["source"] for job in jobs] == ["provider"] * 9
        assert [len(job["attempts"]) for job in jobs] == [2] + [1] * 8, "waiting is no attempt"
        refused, *later = sorted(call.at for call in at.images.calls)
        assert len(later) == 9
        assert later[0] - refused >= 10
        assert "paused_until" not in await state(at)


async def state(at: Scene) -> dict[str, object]:
    """Of the model, as the process shows it that accepts jobs."""
    provider, _ = (await at.client.get("/api/v1/providers")).json()["data"]
    found: dict[str, object] = provider["state"]
    return found


async def test_a_tenant_has_no_more_calls_out_than_its_own_limit_and_others_pass_by(
    tmp_path: Path, open_scene: OpenScene
) -> None:
    variables = {
        "AFTERIMAGE_API_KEYS": KEYS,
        "AFTERIMAGE_TENANT_CONCURRENCY": "2",
        "AFTERIMAGE_WORKER_CONCURRENCY": "4",
    }
    async with open_scene(tmp_path, workers=2, **variables) as at:
        at.client.headers.update(ALICE)
        at.images.script("hang", "hang")
        folder = at.service.data_dir / "storage" / "pictures" / "in"
        folder.mkdir(parents=True)
        for number in range(6):
            (folder / f"{number}.png").write_bytes(picture(20 + number, 10))
        batch = await at.tool("/batch-process-images", prefix="in/")
        await until(lambda: len(at.images.calls) == 2)
        at.images.release()
        assert (await at.ended(batch))["progress"]["succeeded"] == 6
        assert at.images.most_in_flight == 2

        at.images.forget()
        at.images.script("hang", "hang")
        hers = await submitted(at, 12, prompt="hers")
        await until(lambda: len(at.images.calls) == 2)
        at.client.headers.update(BOB)
        (his,) = await submitted(at, 1, prompt="his")
        assert (await at.ended(his))["output"]["source"] == "provider", "although all that work had been taken by hers"
        at.images.release()
        at.client.headers.update(ALICE)
        jobs = await asyncio.gather(*map(at.ended, hers))
        assert [(job["output"]["source"], len(job["attempts"])) for job in jobs] == [("provider", 1)] * 12
        assert [call.fields["prompt"] for call in at.images.calls[:3]] == ["hers", "hers", "his"]
        assert at.images.most_in_flight <= 3
