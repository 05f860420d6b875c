"""Whole buckets: what is found, made, counted and reported; steering; and what a crash leaves behind."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
import pytest_asyncio

from tests.integration.scene import OpenScene, Scene, picture
from tests.patience import PATIENCE_SECONDS, until
from tests.servers.images_replies import REPLIES, Reply
from tests.servers.openai_images import Call
from tests.servers.s3 import S3Server
from tests.servers.s3_targets import variables_of

TOOL = "/batch-process-images"
OTHERS = "of other tests/"
OPEN_SECONDS = 2
IN_WORK = re.compile(r'afterimage_work_in_flight\{kind="shard"\} (\S+)')

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_scene(tmp_path_factory: pytest.TempPathFactory, open_scene: OpenScene) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path_factory.mktemp("scene"), AFTERIMAGE_CIRCUIT_OPEN_SECONDS=f"{OPEN_SECONDS}") as it:
        yield it


@pytest.fixture
def at(one_scene: Scene) -> Scene:
    """The scene of all tests that neither kill it nor need variables of their own."""
    one_scene.images.reset()
    return one_scene


def bucket_of(at: Scene) -> Path:
    return at.service.data_dir / "storage" / "pictures"


def fill(at: Scene, folder: str, count: int) -> None:
    where = bucket_of(at) / folder
    where.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (where / f"{number:03d}.png").write_bytes(picture(20 + number, 10))


async def report(at: Scene, job_id: str) -> dict[str, list[list[str]]]:
    """The rows of a report by status."""
    answer = await at.client.get(f"/api/v1/jobs/{job_id}/report", follow_redirects=True)
    assert answer.status_code == 200, answer.text
    rows: dict[str, list[list[str]]] = {}
    for part in answer.json()["Results"]:
        found = list(csv.reader(io.StringIO((bucket_of(at) / part["Key"]).read_text())))
        assert len(found) == part["Rows"]
        rows.setdefault(part["TaskExecutionStatus"], []).extend(found)
    return rows


async def progressed(at: Scene, job_id: str, **progress: int) -> dict[str, Any]:
    """The job, once so many of its pictures are done."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            job = await at.job(job_id)
            if all(job["progress"][name] >= count for name, count in progress.items()):
                return job
            await asyncio.sleep(0.05)


async def idle(at: Scene) -> None:
    """Nothing of any batch is in work."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while set(IN_WORK.findall(await at.metrics())) != {"0.0"}:
            await asyncio.sleep(0.05)


async def circuit_due(at: Scene) -> None:
    """The model may be asked again, by whoever comes next."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await at.client.get("/api/v1/providers")).json()["data"][0]["state"]["circuit"] == "open":
            await asyncio.sleep(0.05)


def probed(refused: Sequence[Call], *, concurrency: int) -> bool:
    """Whether after those that were out at the first refusal there was no more than one call each time in a while."""
    return all(
        later.at - earlier.at >= OPEN_SECONDS for earlier, later in zip(refused, refused[concurrency:], strict=False)
    )


def counts(callback: dict[str, Any]) -> tuple[int, ...]:
    names = ("total_files", "total_files_processed", "processed", "failed", "fallback_local", "skipped")
    return tuple(callback[name] for name in names)


async def test_a_bucket_is_edited_counted_and_reported(at: Scene) -> None:
    keys = ["a b/ü.png", "a b/c/1.jpg", "a b/c/1.png", "a b/plain"]
    for key in keys:
        (bucket_of(at) / key).parent.mkdir(parents=True, exist_ok=True)
        (bucket_of(at) / key).write_bytes(picture())
    (bucket_of(at) / "a b/notes.txt").write_text("no picture")
    (bucket_of(at) / "a b/text.png").write_text("no picture either")
    (bucket_of(at) / "a b/broken.png").write_bytes(picture()[:-60])
    (bucket_of(at) / "elsewhere.png").write_bytes(picture())
    asked = {"prompt": "Make it orange", "prefix": "a b/", "exclude": ["*/no*"]}
    estimate = (await at.client.post("/api/v1/estimate", json=asked)).json()
    assert (estimate["pictures"], estimate["skipped"], estimate["complete"]) == (6, 0, True)
    assert estimate["cost_usd"] > 0

    dry = await at.callback(await at.tool(TOOL, prefix="a b/", dry_run=True))
    assert counts(dry) == (6, 0, 0, 0, 0, 1)
    assert (dry["dry_run"], dry["cost_usd"]) == (True, estimate["cost_usd"])
    assert at.images.calls == []

    job_id = await at.tool(TOOL, prefix="a b/", concurrency=3)
    said = await at.callback(job_id)
    assert (said["status"], counts(said)) == ("completed_with_errors", (5, 4, 4, 1, 0, 2))
    assert said["output_prefix"] == job_id
    assert len(said["errors"]) == 1
    assert said["errors"][0].startswith("a b/broken.png: ")
    assert said["cost_usd"] > 0
    stored = {str(path.relative_to(bucket_of(at) / job_id)) for path in bucket_of(at).glob(f"{job_id}/a b/**/*.*")}
    assert stored == {
        "a b/ü_modified.png",
        "a b/c/1_modified.png",
        "a b/c/1.png_modified.png",
        "a b/plain_modified.png",
    }
    rows = await report(at, job_id)
    assert {status: sorted(row[1] for row in found) for status, found in rows.items()} == {
        "succeeded": sorted(keys),
        "failed": ["a b/broken.png"],
        "skipped": ["a b/notes.txt", "a b/text.png"],
    }
    assert {row[7] for row in rows["succeeded"]} == {f"{job_id}/{key}" for key in stored}
    job = await at.job(job_id)
    assert (job["status"], job["progress"]["total"]) == ("partially_succeeded", 5)
    assert job["usage"]["total_tokens"] > 0

    await check_further_batches(at, job_id, keys)


async def check_further_batches(at: Scene, job_id: str, keys: list[str]) -> None:
    retried = await at.client.post(f"/api/v1/jobs/{job_id}/retry")
    assert retried.status_code == 202
    assert counts(await at.callback(retried.json()["id"])) == (1, 0, 0, 1, 0, 0)
    # The part of a report is a manifest; without a prefix nothing that the service itself stored is a source.
    part = f"{job_id}/report/succeeded-00001.csv"
    again = await at.callback(await at.tool(TOOL, manifest=part, max_items=3))
    assert counts(again) == (3, 3, 3, 0, 0, 0)
    rest = await at.callback(
        await at.tool(TOOL, skip_existing=True, include=["**/*.png", "*.jpg"], exclude=[f"{OTHERS}**"])
    )
    assert (rest["status"], counts(rest)) == ("completed_with_errors", (5, 1, 1, 1, 0, 4))
    page = (await at.client.get(f"/api/v1/jobs/{job_id}/items", params={"limit": 2})).json()
    following = {"cursor": page["next_cursor"], "limit": 1000}
    more = (await at.client.get(f"/api/v1/jobs/{job_id}/items", params=following)).json()
    statuses = Counter(item["status"] for item in [*page["data"], *more["data"]])
    assert statuses == {"succeeded": len(keys), "failed": 1, "skipped": 2}
    assert more["next_cursor"] is None


async def test_a_batch_that_cannot_be_is_refused(at: Scene) -> None:
    single = (await at.submit(image_base64="aaaa")).status_code
    assert single == 422
    cases = {
        "bucket": {"bucket": "foreign"},
        "output_bucket": {"output_bucket": "foreign"},
        "only_failed_of": {"only_failed_of": "job_" + "0" * 32},
        "manifest": {"manifest": "none.csv"},
    }
    for field, body in cases.items():
        answer = await at.client.post(TOOL, json={"prompt": "x", **body}, headers={"callbackUrl": at.receiver.url})
        assert answer.status_code in {404, 422}, answer.text
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{field}"]
    forbidden = await at.client.post(TOOL, json={"prompt": "x"}, headers={"callbackUrl": "ftp://example.com/"})
    assert forbidden.json()["errors"][0]["pointer"] == "header:callbackUrl"
    (bucket_of(at) / "list.csv").write_text("foreign,key.png\n")
    broken = await at.callback(await at.tool(TOOL, manifest="list.csv"))
    assert (broken["status"], broken["error_code"]) == ("failed", "invalid_manifest")
    nothing = await at.callback(await at.tool(TOOL, prefix="nothing/"))
    assert (nothing["status"], counts(nothing)) == ("completed", (0, 0, 0, 0, 0, 0))


async def test_a_limit_reached_on_the_way_falls_back_and_can_be_redone(at: Scene) -> None:
    fill(at, f"{OTHERS}limited", 30)
    at.images.script(*[REPLIES["picture"]] * 10, always=REPLIES["billing_hard_limit"])
    job_id = await at.tool(TOOL, prefix=f"{OTHERS}limited/", concurrency=4)
    said = await at.callback(job_id)
    assert (said["status"], counts(said)) == ("completed_with_errors", (30, 30, 10, 0, 20, 0))
    assert len(said["errors"]) == 20
    assert probed(at.images.calls[10:], concurrency=4)
    fallbacks = (await report(at, job_id))["fallback"]
    assert {(row[4], row[8], row[9]) for row in fallbacks} == {("billing_exhausted", "fallback", "local")}
    fell_back = {row[1] for row in fallbacks}
    at.images.script(always=REPLIES["picture"])
    await circuit_due(at)
    redone = await at.tool(TOOL, redo_fallbacks_of=job_id, concurrency=4)
    assert counts(await at.callback(redone)) == (20, 20, 20, 0, 0, 0)
    assert {row[1] for row in (await report(at, redone))["succeeded"]} == fell_back


async def test_without_fallbacks_a_limit_fails_the_rest_and_the_report_names_each(
    tmp_path: Path, open_scene: OpenScene
) -> None:
    async with open_scene(tmp_path, AFTERIMAGE_FALLBACK="off", AFTERIMAGE_CIRCUIT_OPEN_SECONDS=f"{OPEN_SECONDS}") as at:
        fill(at, "in", 40)
        at.images.script(*[REPLIES["picture"]] * 10, always=REPLIES["billing_hard_limit"])
        job_id = await at.tool(TOOL, prefix="in/", concurrency=4)
        said = await at.callback(job_id)
        assert (said["status"], counts(said)) == ("completed_with_errors", (40, 10, 10, 30, 0, 0))
        assert len(said["errors"]) == 20
        assert probed(at.images.calls[10:], concurrency=4)
        failed = (await report(at, job_id))["failed"]
        assert [row[4] for row in failed] == ["billing_exhausted"] * 30
        assert all(row[6] for row in failed)
        assert {line.partition(": ")[0] for line in said["errors"]} <= {row[1] for row in failed}
        at.images.script(always=REPLIES["picture"])
        await circuit_due(at)
        retried = (await at.client.post(f"/api/v1/jobs/{job_id}/retry")).json()["id"]
        assert counts(await at.callback(retried)) == (30, 30, 30, 0, 0, 0)
        assert {row[1] for row in (await report(at, retried))["succeeded"]} == {row[1] for row in failed}


async def test_paying_stops_at_the_limit(at: Scene) -> None:
    fill(at, f"{OTHERS}paid", 12)
    price = (await at.client.post("/api/v1/estimate", json={"prompt": "x", "max_items": 1})).json()["cost_usd"]
    job_id = await at.tool(TOOL, prefix=f"{OTHERS}paid/", concurrency=4, max_cost_usd=price * 1.01)
    said = await at.callback(job_id)
    assert said["status"] == "completed"
    assert said["processed"] == len(at.images.calls) > 0
    assert said["processed"] + said["skipped"] == 12
    assert said["skipped"] > 0
    assert said["cost_usd"] <= price * 1.01
    assert {row[4] for row in (await report(at, job_id))["skipped"]} == {"budget"}


async def test_a_batch_is_paused_resumed_and_canceled(at: Scene) -> None:
    fill(at, f"{OTHERS}steered", 40)
    at.images.script(*[Reply()] * 6, always="hang")
    job_id = await at.tool(TOOL, prefix=f"{OTHERS}steered/", concurrency=4)
    await progressed(at, job_id, succeeded=6)
    await until(lambda: len(at.images.calls) == 6 + 4)
    paused = await at.client.post(f"/api/v1/jobs/{job_id}/pause")
    assert paused.status_code == 200
    at.images.script(always=Reply())
    at.images.release()
    await idle(at)
    done = (await at.job(job_id))["progress"]["succeeded"]
    assert done == len(at.images.calls)
    assert 10 <= done < 10 + 4, "what a stream had taken to begin next is in work, too"
    at.images.script(*[Reply()] * 10, always="hang")
    assert (await at.client.post(f"/api/v1/jobs/{job_id}/resume")).status_code == 200
    done += 10
    await progressed(at, job_id, succeeded=done)
    await until(lambda: len(at.images.calls) == done + 4)

    canceled = await at.client.post(f"/api/v1/jobs/{job_id}/cancel")
    assert canceled.status_code in {200, 202}
    said = await at.callback(job_id)
    assert (said["status"], counts(said)) == ("canceled", (40, done, done, 0, 0, 0))
    await idle(at)
    assert len(at.images.calls) == done + 4
    rows = await report(at, job_id)
    assert {status: len(found) for status, found in rows.items()} == {
        "succeeded": done,
        "canceled": 40 - done,
    }
    for verb in ("pause", "resume", "cancel"):
        answer = await at.client.post(f"/api/v1/jobs/{job_id}/{verb}")
        assert answer.status_code == (200 if verb == "cancel" else 409)


@pytest.mark.usefixtures("unmeasured")
async def test_kill_9_in_the_middle_costs_nothing_but_what_was_out(tmp_path: Path, open_scene: OpenScene) -> None:
    async with open_scene(tmp_path) as at:
        kills = 1 if at.workers else 2
        fill(at, "in", 60)
        at.images.script(always=Reply(delay_seconds=0.1))
        job_id = await at.tool(TOOL, prefix="in/", concurrency=6)
        for kill in range(kills):
            await progressed(at, job_id, succeeded=12 * (kill + 1))
            await at.worker.kill9()
            await at.worker.start()
        said = await at.callback(job_id)
        assert (said["status"], counts(said)) == ("completed", (60, 60, 60, 0, 0, 0))
        assert len(at.images.calls) <= 60 + 6 * kills
        rows = await report(at, job_id)
        assert len({row[1] for row in rows["succeeded"]}) == 60
        assert len(list(bucket_of(at).glob(f"{job_id}/in/*_modified.png"))) == 60


async def test_a_bucket_of_a_store_is_listed_over_many_pages(tmp_path: Path, open_scene: OpenScene) -> None:
    with S3Server(buckets=["pictures-in", "pictures-out"]) as store:
        client = boto3.client(
            "s3",
            endpoint_url=store.url,
            region_name="us-east-1",
            aws_access_key_id=store.access_key,
            aws_secret_access_key=store.secret_key,
        )
        store.fill("pictures-in", ((f"a/{number:04d}.txt", b"") for number in range(1005)))
        store.fill("pictures-in", ((key, picture()) for key in ("b/one +&.png", "b/ü.png")))
        async with open_scene(tmp_path, **variables_of(store), COS_OUTPUT_PREFIX="edited/") as at:
            job_id = await at.tool(TOOL)
            said = await at.callback(job_id)
            assert counts(said) == (2, 2, 2, 0, 0, 1005)
            made = client.list_objects_v2(Bucket="pictures-out", Prefix=f"edited/{job_id}/b/")["Contents"]
            assert [one["Key"] for one in made] == [
                f"edited/{job_id}/b/one +&_modified.png",
                f"edited/{job_id}/b/ü_modified.png",
            ]
            async with at.service.client() as anyone:
                described = (await anyone.get(said["report_url"])).json()
            assert {part["TaskExecutionStatus"]: part["Rows"] for part in described["Results"]} == {
                "succeeded": 2,
                "skipped": 1005,
            }
        client.close()
