"""Product sets: a shop sends its products with the URLs of their pictures, and gets them back in its own order."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.integration.scene import OpenScene, Scene, opened, picture
from tests.integration.test_batches import circuit_due, progressed
from tests.patience import until
from tests.servers.images_replies import REPLIES, Reply
from tests.servers.pictures import PictureServer

MAIN, OTHER = "Make it orange", "Make it a bit brighter"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_scene(tmp_path_factory: pytest.TempPathFactory, open_scene: OpenScene) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path_factory.mktemp("scene"), AFTERIMAGE_CIRCUIT_OPEN_SECONDS="1") as it:
        yield it


@pytest.fixture
def at(one_scene: Scene) -> Scene:
    """The scene of all tests that neither kill nor stop it."""
    one_scene.images.reset()
    return one_scene


@pytest_asyncio.fixture(loop_scope="module")
async def pictures() -> AsyncIterator[PictureServer]:
    async with PictureServer(picture(300, 200)) as server:
        yield server


async def send(at: Scene, items: Any, **body: Any) -> httpx.Response:
    worded = {} if "prompts" in body else {"prompt": MAIN}
    return await at.client.post("/api/v1/jobs", json={"items": items, **worded, **body})


async def sent(at: Scene, items: Any, **body: Any) -> str:
    answer = await send(at, items, **body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def items_of(at: Scene, job_id: str, **query: Any) -> dict[str, dict[str, Any]]:
    """The items of a set by group and name."""
    answer = await at.client.get(f"/api/v1/jobs/{job_id}/items", params={"limit": 1000, **query})
    return {f"{item['group']}/{item['name']}": item for item in answer.json()["data"]}


async def groups_of(at: Scene, job_id: str) -> dict[str, dict[str, Any]]:
    answer = await at.client.get(f"/api/v1/jobs/{job_id}/groups")
    assert answer.status_code == 200, answer.text
    return {group.pop("group"): group for group in answer.json()["data"]}


def bucket_of(at: Scene) -> Path:
    return at.service.data_dir / "storage" / "pictures"


def stored(at: Scene, job_id: str) -> set[str]:
    root = bucket_of(at) / job_id
    return {str(path.relative_to(root)) for path in root.rglob("*_modified.*")}


async def until_called(at: Scene, calls: int) -> None:
    """The model was asked so often."""
    await until(lambda: len(at.images.calls) >= calls)


def prompts(at: Scene) -> list[str]:
    return [call.fields["prompt"] for call in at.images.calls]


async def test_products_come_back_under_their_names_whatever_single_pictures_do(
    at: Scene, pictures: PictureServer
) -> None:
    (bucket_of(at) / "own").mkdir(parents=True, exist_ok=True)
    (bucket_of(at) / "own" / "side.png").write_bytes(picture(30, 60))
    items = [
        {"group": "SKU-1", "name": "front", "url": pictures.link("good", "1.png")},
        {"group": "SKU-2", "name": "front", "url": pictures.link("busy", "2.png")},
        {"group": "SKU-1", "url": pictures.link("slow", "back%20view.png?v=2")},
        {"group": "SKU-2", "name": "gone", "url": pictures.link("gone", "3.png")},
        {"group": "SKU-2", "name": "page", "url": pictures.link("page", "4.png")},
        {"group": "SKU-2", "name": "inside", "url": pictures.link("inside", "5.png")},
        {"group": "Größe L", "object_key": "own/side.png"},
        {"group": "Größe L", "object_key": "own/none.png", "bucket": "pictures"},
        {"name": "no product", "url": pictures.link("good", "6.png")},
    ]
    shape = {"output_format": "webp", "output_compression": 60, "target_width": 90, "target_height": 90}
    job_id = await sent(
        at,
        items,
        parameters=shape | {"fit": "contain"},
        metadata={"shop": "7"},
        callback_url=f"{at.receiver.url}/callback",
    )
    told = await at.callback(job_id)
    assert (told["type"], told["data"]["metadata"]) == ("job.partially_succeeded", {"shop": "7"})
    progress = told["data"]["progress"]
    assert [progress[name] for name in ("total", "succeeded", "failed", "skipped")] == [9, 5, 4, 0]

    found = await items_of(at, job_id)
    failures = {name: item["error"]["code"] for name, item in found.items() if item["error"]}
    assert failures == {
        "SKU-2/gone": "image_url_status",
        "SKU-2/page": "not_a_picture",
        "SKU-2/inside": "image_url_forbidden",
        "Größe L/none.png": "object_not_found",
    }
    assert pictures.asked["/busy/2.png"] == 2
    assert pictures.asked["/gone/3.png"] == 1
    assert stored(at, job_id) == {
        "SKU-1/front_modified.webp",
        "SKU-1/back_view_modified.webp",
        "SKU-2/front_modified.webp",
        "Größe L/side_modified.webp",
        "no product_modified.webp",
    }
    result = opened((bucket_of(at) / found["SKU-1/front"]["output_key"]).read_bytes())
    assert (result.format, result.size) == ("WEBP", (90, 90))
    assert {
        name: (group["total"], group["failed"], group["main"]) for name, group in (await groups_of(at, job_id)).items()
    } == {
        "SKU-1": (2, 0, "succeeded"),
        "SKU-2": (4, 3, "succeeded"),
        "Größe L": (2, 1, "succeeded"),
    }
    await check_report_and_retry(at, pictures, job_id)


async def check_report_and_retry(at: Scene, pictures: PictureServer, job_id: str) -> None:
    report = (await at.client.get(f"/api/v1/jobs/{job_id}/report", follow_redirects=True)).json()
    part = next(part for part in report["Results"] if part["TaskExecutionStatus"] == "succeeded")
    rows = list(csv.reader(io.StringIO((bucket_of(at) / part["Key"]).read_text())))
    assert ["", pictures.link("good", "1.png")] == rows[0][:2]
    assert rows[0][-3:] == ["SKU-1", "front", "main"]
    # A part is a manifest as it is: URLs are downloaded again, groups and names stay.
    again = await at.callback(await at.tool("/batch-process-images", manifest=part["Key"]))
    assert (again["status"], again["processed"]) == ("completed", 5)
    assert stored(at, again["job_id"]) == {key.replace(".webp", ".png") for key in stored(at, job_id)}

    (bucket_of(at) / "own" / "none.png").write_bytes(picture())
    retried = (await at.client.post(f"/api/v1/jobs/{job_id}/retry")).json()["id"]
    ended = await at.ended(retried)
    assert (ended["status"], ended["progress"]["total"]) == ("partially_succeeded", 4)
    assert stored(at, retried) == {"Größe L/none_modified.webp"}


async def kept(at: Scene) -> tuple[Any, set[Path]]:
    """The newest job, and the lists of all sets."""
    newest = (await at.client.get("/api/v1/jobs", params={"limit": 1})).json()["data"]
    return newest, set(bucket_of(at).rglob("*.json"))


async def test_what_is_wrong_with_a_set_is_said_before_it_is_accepted(at: Scene, pictures: PictureServer) -> None:
    good = {"url": pictures.link("good", "1.png")}
    cases: list[tuple[Any, dict[str, Any], list[str]]] = [
        (
            [good, {"url": "http://10.0.0.1/a.png"}, {"url": "ftp://x.example/"}],
            {},
            ["/items/1/url", "/items/2/url"],
        ),
        ({"SKU 1/2": [good]}, {}, ["/items/SKU 1~12"]),
        ({"SKU": [good, {"url": "http://user:pw@x.example/"}]}, {}, ["/items/SKU/1/url"]),
        ([{"object_key": "a.png", "bucket": "foreign"}], {}, ["/items/0/bucket"]),
        ([good | {"object_key": "a.png"}], {}, ["/items/0"]),
        ([good | {"name": "../up"}], {}, ["/items/0/name"]),
        ([], {}, ["/items"]),
        ([good], {"prompts": {"main": "x"}}, ["/prompts/secondary"]),
        ([good], {"prompt": "x", "prompts": {"main": "x", "secondary": "x"}}, [""]),
        ([good], {"parameters": {"fit": "cover", "target_width": 9}}, ["/parameters"]),
        ([good], {"parameters": {"target_height": 0}}, ["/parameters/target_height"]),
        ([good], {"provider": "nobody"}, ["/provider"]),
        ([good], {"output_bucket": "foreign"}, ["/output_bucket"]),
        ([good], {"callback_url": "ftp://x.example/"}, ["/callback_url"]),
    ]
    before = await kept(at)
    for items, body, expected in cases:
        answer = await send(at, items, **body)
        assert answer.status_code == 422, (items, answer.text)
        assert [error["pointer"] for error in answer.json()["errors"]] == expected
    assert await kept(at) == before


async def test_estimate_dry_run_idempotency_and_the_limit_of_the_cost(at: Scene, pictures: PictureServer) -> None:
    items = {f"SKU-{n}": [{"url": pictures.link("good", f"{n}-{m}.png")} for m in range(2)] for n in range(3)}
    body = {"prompt": MAIN, "items": items}
    estimate = (await at.client.post("/api/v1/estimate", json=body)).json()
    assert (estimate["pictures"], estimate["complete"]) == (6, True)
    dry = await at.ended(await sent(at, items, dry_run=True))
    assert (dry["status"], dry["batch"]["estimate"]["cost_usd"]) == ("succeeded", estimate["cost_usd"])
    assert (at.images.calls, sum(pictures.asked.values())) == ([], 0)

    limited = {"max_cost_usd": estimate["cost_usd"] / 6 * 1.01, "concurrency": 1, "main_first": True}
    headers = {"Idempotency-Key": "order-1", "Prefer": "wait=60"}
    first = await at.client.post("/api/v1/jobs", json=body | limited, headers=headers)
    assert (first.status_code, first.json()["finished"]) == (200, True)
    progress = first.json()["progress"]
    assert 1 <= progress["succeeded"] == len(at.images.calls) < 6
    assert progress["succeeded"] + progress["skipped"] == 6
    again = await at.client.post("/api/v1/jobs", json=body | limited, headers=headers)
    assert (again.json()["id"], again.headers["Idempotency-Replayed"]) == (first.json()["id"], "true")
    other = await at.client.post("/api/v1/jobs", json=body, headers=headers)
    assert other.status_code == 422


def ended_before_begun(items: Iterable[dict[str, Any]]) -> bool:
    """Whether in no group a secondary picture was begun before the main one had ended."""
    mains = {item["group"]: item["finished_at"] for item in items if item["stage"] == "main"}
    return all(item["started_at"] >= mains[item["group"]] for item in items if item["stage"] == "secondary")


async def test_main_pictures_go_first_and_a_failed_one_holds_nobody_up(at: Scene, pictures: PictureServer) -> None:
    items = {f"SKU-{n}": [{"url": pictures.link("good", f"{n}-{m}.png")} for m in range(4)] for n in range(5)}
    items["SKU-3"][0]["url"] = pictures.link("gone", "main.png")
    items["SKU-4"][0]["url"] = pictures.link("shut", "main.png")
    job_id = await sent(at, items, main_first=True, concurrency=8, prompts={"main": MAIN, "secondary": OTHER})
    await progressed(at, job_id, succeeded=15, failed=1)  # all others: one whose turn has not come holds nobody up
    pictures.open()
    ended = await at.ended(job_id)
    assert (ended["progress"]["succeeded"], ended["progress"]["failed"]) == (19, 1)
    assert ended["batch"]["main_first"] is True
    found = await items_of(at, job_id)
    assert ended_before_begun(found.values())
    assert sorted(prompts(at)) == sorted([MAIN] * 4 + [OTHER] * 15)
    groups = await groups_of(at, job_id)
    assert groups["SKU-3"] | {"main": "failed", "succeeded": 3, "finished": True} == groups["SKU-3"]


async def test_what_fell_back_is_done_again_with_the_prompts_of_its_stage(at: Scene, pictures: PictureServer) -> None:
    at.images.script(always=REPLIES["billing_hard_limit"])
    items = {"SKU": [{"url": pictures.link("good", f"{m}.png")} for m in range(3)]}
    worded = {"prompts": {"main": MAIN, "secondary": OTHER}, "main_first": True}
    shape = {"parameters": {"target_width": 30, "output_format": "jpeg"}}
    first = await at.ended(await sent(at, items, **worded, **shape))
    assert (first["status"], first["progress"]["fallback"]) == ("partially_succeeded", 3)
    at.images.script(always=REPLIES["picture"])
    await circuit_due(at)
    at.images.forget()
    answer = await at.client.post(f"/api/v1/jobs/{first['id']}/retry", params={"status": "fallback"})
    assert answer.status_code == 202, answer.text
    redone = await at.ended(answer.json()["id"])
    assert (redone["status"], redone["progress"]["succeeded"]) == ("succeeded", 3)
    assert sorted(prompts(at)) == sorted([MAIN, OTHER, OTHER])
    found = await items_of(at, redone["id"], group="SKU")
    assert ended_before_begun(found.values())
    result = opened((bucket_of(at) / found["SKU/1"]["output_key"]).read_bytes())
    assert (result.format, result.width) == ("JPEG", 30)


@pytest.mark.usefixtures("unmeasured")
async def test_kill_9_loses_no_picture_and_no_order(
    tmp_path: Path, open_scene: OpenScene, pictures: PictureServer
) -> None:
    async with open_scene(tmp_path) as at:
        kills = 1 if at.workers else 2  # while main pictures are made, and later
        at.images.script(always=Reply(delay_seconds=0.1))
        items = [
            {"group": f"SKU-{n}", "name": f"{m}", "url": pictures.link("good", f"{n}-{m}.png")}
            for m in range(4)
            for n in range(12)
        ]
        job_id = await sent(at, items, main_first=True, concurrency=5, callback_url=f"{at.receiver.url}/callback")
        for kill in range(kills):
            await until_called(at, 3 + 12 * kill)
            await at.worker.kill9()
            await at.worker.start()
        told = await at.callback(job_id)
        assert (told["type"], told["data"]["progress"]["succeeded"]) == ("job.succeeded", 48)
        assert len(at.images.calls) <= 48 + 5 * kills
        found = await items_of(at, job_id)
        assert ended_before_begun(found.values())
        assert stored(at, job_id) == {f"SKU-{n}/{m}_modified.png" for n in range(12) for m in range(4)}


async def test_a_set_is_paused_resumed_and_canceled_with_those_that_wait(at: Scene, pictures: PictureServer) -> None:
    at.images.script(always=Reply(delay_seconds=0.2))
    items = {f"SKU-{n}": [{"url": pictures.link("good", f"{n}-{m}.png")} for m in range(5)] for n in range(8)}
    job_id = await sent(at, items, main_first=True, concurrency=2)
    await until_called(at, 2)
    assert (await at.client.post(f"/api/v1/jobs/{job_id}/pause")).status_code == 200
    await asyncio.sleep(0.6)
    calls = len(at.images.calls)
    at.images.script(*[Reply()] * 4, always="hang")
    assert (await at.client.post(f"/api/v1/jobs/{job_id}/resume")).status_code == 200
    await until_called(at, calls + 2)
    assert (await at.client.post(f"/api/v1/jobs/{job_id}/cancel")).status_code in {200, 202}
    ended = await at.ended(job_id)
    assert ended["status"] == "canceled"
    groups = await groups_of(at, job_id)
    assert all(group["finished"] for group in groups.values())
    assert sum(group["canceled"] for group in groups.values()) == 40 - ended["progress"]["succeeded"] > 0
