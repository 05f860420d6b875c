from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from service.domain.batches import Item, ItemStatus, SkipReason, Stage
from service.domain.identifiers import new_job_id
from service.domain.objects import ObjectRef
from tests.unit.api.world import World

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def an_item(number: int) -> Item:
    return Item(
        job_id="job",
        number=number,
        source=ObjectRef("in", f"{number}.txt"),
        target=None,
        status=ItemStatus.SKIPPED,
        skip_reason=SkipReason.NOT_A_PICTURE,
        due_at=NOW,
    )


async def test_items_come_in_pages(world: World, client: httpx.AsyncClient) -> None:
    world.items = [an_item(number) for number in (1, 2, 3)]
    path = f"/api/v1/jobs/{new_job_id()}/items"
    first = (await client.get(path, params={"limit": 2, "status": "skipped"})).json()
    assert [item["key"] for item in first["data"]] == ["1.txt", "2.txt"]
    assert first["data"][0]["skip_reason"] == "not_a_picture"
    assert world.queries[0].status is ItemStatus.SKIPPED
    last = (await client.get(path, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [item["number"] for item in last["data"]] == [3]
    assert last["next_cursor"] is None


@pytest.mark.parametrize("cursor", ["x", "-1", "1" * 30, "\u0663"])
async def test_a_foreign_cursor_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get(f"/api/v1/jobs/{new_job_id()}/items", params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "query:cursor"


async def test_the_report_is_where_the_link_leads(client: httpx.AsyncClient) -> None:
    job_id = new_job_id()
    answer = await client.get(f"/api/v1/jobs/{job_id}/report")
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith(f"{job_id}/manifest.json")


async def test_an_estimate_takes_the_body_of_a_batch(world: World, client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/estimate", json={"prompt": "x", "prefix": "shop/", "include": ["*.png"]})
    assert answer.json()["pictures"] == 3
    assert (world.batches[0].prefix, world.batches[0].include) == ("shop/", ("*.png",))
    two = {"prompt": "x", "manifest": "a.csv", "only_failed_of": new_job_id()}
    assert (await client.post("/api/v1/estimate", json=two)).status_code == 422


@pytest.mark.parametrize(("query", "status"), [({}, "failed"), ({"status": "fallback"}, "fallback")])
async def test_what_failed_or_fell_back_is_done_again(
    world: World, client: httpx.AsyncClient, query: dict[str, str], status: str
) -> None:
    submitted = await client.post("/api/v1/jobs", json={"prompt": "x", "items": [{"url": "https://a.example/"}]})
    job_id = submitted.json()["id"]
    assert (await client.post(f"/api/v1/jobs/{job_id}/retry", params=query)).status_code == 202
    assert world.retried == [(job_id, status)]
    assert (await client.post(f"/api/v1/jobs/{job_id}/retry", params={"status": "skipped"})).status_code == 422


async def test_the_batch_tool_takes_the_parameters_of_an_edit(world: World, client: httpx.AsyncClient) -> None:
    body = {"prompt": "x", "parameters": {"target_width": 80, "output_format": "avif"}}
    assert (await client.post("/api/v1/estimate", json=body)).status_code == 200
    assert world.batches[0].parameters == {"target_width": 80, "output_format": "avif"}
    wrong = await client.post("/api/v1/estimate", json={"prompt": "x", "parameters": {"target_width": 0}})
    assert wrong.json()["errors"][0]["pointer"] == "/parameters/target_width"


async def test_items_say_what_they_are_to_their_caller(world: World, client: httpx.AsyncClient) -> None:
    named = {"url": "https://a.example/1", "group": "SKU", "name": "front", "stage": Stage.MAIN}
    world.items = [replace(an_item(1), source=None, **named)]
    answer = await client.get(f"/api/v1/jobs/{new_job_id()}/items", params={"group": "SKU"})
    (item,) = answer.json()["data"]
    assert {name: item[name] for name in named} == named
    assert (item["bucket"], item["key"]) == (None, None)
    assert world.queries[0].group == "SKU"
