from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from service.api.product_sets import MOST_PICTURES
from service.domain.batches import Staging
from service.domain.jobs import Contract
from service.usecases.submissions import BatchSubmission, LinkedSource, NamedPicture, ObjectSource
from tests.unit.api.world import World

URL = "https://shop.example/a.png"


async def submitted(client: httpx.AsyncClient, world: World, **body: Any) -> BatchSubmission:
    answer = await client.post("/api/v1/jobs", json={"prompt": "sepia", **body})
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/api/v1/jobs/{answer.json()['id']}"
    return world.batches[-1]


async def pointers(client: httpx.AsyncClient, body: Any) -> list[str]:
    answer = await client.post("/api/v1/jobs", json=body)
    assert answer.status_code == 422, answer.text
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_every_field_is_handed_on(client: httpx.AsyncClient, world: World) -> None:
    submission = await submitted(
        client,
        world,
        items=[
            {"url": URL, "group": "SKU-1", "name": "front"},
            {"object_key": "a/b.png", "bucket": "own", "group": "SKU-1"},
            {"object_key": "c.png"},
        ],
        main_first=True,
        parameters={"output_format": "webp", "target_width": 800, "fit": None},
        provider="openai",
        output_bucket="out",
        output_prefix="shop/",
        concurrency=3,
        max_cost_usd=1.5,
        dry_run=True,
        callback_url="https://shop.example/hook",
        metadata={"feed": "7"},
        retry_possibly_billed=True,
    )
    assert submission.pictures == (
        NamedPicture(source=LinkedSource(URL), pointer="/items/0", group="SKU-1", name="front"),
        NamedPicture(source=ObjectSource("a/b.png", "own"), pointer="/items/1", group="SKU-1"),
        NamedPicture(source=ObjectSource("c.png"), pointer="/items/2"),
    )
    assert (submission.contract, submission.prompt) == (Contract.JOBS_BATCH, "sepia")
    assert submission.staging == Staging(main_first=True)
    assert submission.parameters == {"output_format": "webp", "target_width": 800}
    assert (submission.provider, submission.metadata, submission.retry_possibly_billed) == (
        "openai",
        {"feed": "7"},
        True,
    )
    assert (submission.output_bucket, submission.output_prefix, submission.concurrency) == ("out", "shop/", 3)
    assert (submission.max_cost_usd, submission.dry_run) == (1.5, True)
    assert submission.callback_url == "https://shop.example/hook"


async def test_groups_may_be_keys_and_pointers_lead_through_them(client: httpx.AsyncClient, world: World) -> None:
    items = {"Größe ~L": [{"url": URL, "name": "front"}, {"url": URL}], "B": [{"object_key": "b.png"}]}
    submission = await submitted(client, world, items=items)
    assert [(one.group, one.name, one.pointer) for one in submission.pictures] == [
        ("Größe ~L", "front", "/items/Größe ~0L/0"),
        ("Größe ~L", None, "/items/Größe ~0L/1"),
        ("B", None, "/items/B/0"),
    ]


async def test_stages_may_have_prompts_of_their_own(client: httpx.AsyncClient, world: World) -> None:
    body = {"items": [{"url": URL}], "prompts": {"main": "a", "secondary": "b"}}
    answer = await client.post("/api/v1/jobs", json=body)
    assert answer.status_code == 202
    assert world.batches[0].prompt == "a"
    assert world.batches[0].staging == Staging(secondary_prompt="b")
    assert await pointers(client, body | {"prompt": "c"}) == [""]
    assert await pointers(client, {"items": [{"url": URL}]}) == [""]


@pytest.mark.parametrize(
    ("items", "pointer"),
    [
        ([{"url": URL}, {}], "/items/1"),
        ([{"url": URL, "object_key": "a"}], "/items/0"),
        ([{"url": URL, "bucket": "b"}], "/items/0"),
        ([{"url": URL, "prompt": "x"}], "/items/0/prompt"),
        ([{"url": URL, "group": ""}], "/items/0/group"),
        ([{"url": URL, "name": "a/b"}], "/items/0/name"),
        ([{"url": URL, "name": ".."}], "/items/0/name"),
        ([{"url": URL, "name": "a\tb"}], "/items/0/name"),
        ([{"url": URL, "name": "ü" * 101}], "/items/0/name"),
        ([{"url": 7}], "/items/0/url"),
        ([7], "/items/0"),
        ([], "/items"),
        ({}, "/items"),
        ({"A": []}, "/items/A"),
        ({"A": [{"url": URL}, {"url": URL, "group": "B"}]}, "/items/A/1/group"),
        ("all", "/items"),
    ],
)
async def test_what_is_wrong_is_pointed_at(client: httpx.AsyncClient, items: Any, pointer: str) -> None:
    assert pointer in await pointers(client, {"operation": "edit", "prompt": "x", "items": items})


async def test_more_pictures_than_a_set_may_have(client: httpx.AsyncClient) -> None:
    most = json.dumps([{"url": "u"}] * (MOST_PICTURES + 1))
    for items in (most, f'{{"A": {most}}}'):
        body = f'{{"prompt": "x", "items": {items}}}'
        answer = await client.post("/api/v1/jobs", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["code"] == "too_long"


async def test_a_single_job_that_speaks_of_items_is_none_of_many(client: httpx.AsyncClient, world: World) -> None:
    body = {
        "operation": "edit",
        "prompt": 'a drawing of {"items": [1, 2]}',
        "image_url": URL,
        "metadata": {"items": "[3]"},
    }
    answer = await client.post("/api/v1/jobs", json=body)
    assert answer.status_code == 202, answer.text
    assert world.batches == []
    assert world.submissions[0].metadata == {"items": "[3]"}


async def test_an_estimate_takes_the_body_of_a_set(client: httpx.AsyncClient, world: World) -> None:
    answer = await client.post("/api/v1/estimate", json={"prompt": "x", "items": {"A": [{"url": URL}]}})
    assert answer.json()["pictures"] == 3
    assert len(world.batches[0].pictures) == 1
