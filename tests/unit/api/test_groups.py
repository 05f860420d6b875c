from __future__ import annotations

import httpx
import pytest

from service.domain.batches import Group, ItemStatus
from service.domain.identifiers import new_job_id
from tests.unit.api.world import World


async def test_groups_come_in_pages_with_their_counts(world: World, client: httpx.AsyncClient) -> None:
    world.groups = [
        Group(name=name, main=ItemStatus.SUCCEEDED, counts={ItemStatus.SUCCEEDED: 2, ItemStatus.PENDING: pending})
        for name, pending in (("A", 0), ("Größe L", 1), ("ÿ", 0))
    ]
    path = f"/api/v1/jobs/{new_job_id()}/groups"
    first = (await client.get(path, params={"limit": 2})).json()
    assert first["data"][0] == {
        "group": "A",
        "finished": True,
        "main": "succeeded",
        "total": 2,
        "pending": 0,
        "succeeded": 2,
        "fallback": 0,
        "failed": 0,
        "skipped": 0,
        "canceled": 0,
    }
    assert (first["data"][1]["finished"], first["data"][1]["total"]) == (False, 3)
    last = (await client.get(path, params={"cursor": first["next_cursor"]})).json()
    assert [group["group"] for group in last["data"]] == ["ÿ"]
    assert last["next_cursor"] is None


@pytest.mark.parametrize("cursor", ["", "%", "x", "Li4", "YS9i"])  # nothing, no base64, and what no group is called
async def test_a_foreign_cursor_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get(f"/api/v1/jobs/{new_job_id()}/groups", params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "query:cursor"
