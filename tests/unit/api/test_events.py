"""The events of a job on the wire."""

from __future__ import annotations

import json
from dataclasses import replace

import httpx
import pytest
from pydantic import SecretStr

from service.api.options import ApiOptions
from service.domain.events import Event
from service.domain.jobs import Job
from tests.unit.api.conftest import Ask
from tests.unit.api.test_jobs import stored
from tests.unit.api.world import NOW, World


@pytest.fixture
def job(world: World) -> Job:
    """A job with three events, of which the last is final."""
    job = stored(world)
    told = [
        ("job.queued", {}),
        ("job.progress", {"total": 2, "note": "two\nlines ü"}),
        ("job.failed", {"status": "failed"}),
    ]
    world.ledger.happened[job.id] = [
        Event(job_id=job.id, sequence=number, type=kind, at=NOW, data=data)
        for number, (kind, data) in enumerate(told, start=1)
    ]
    return job


def path(job: Job) -> str:
    return f"/api/v1/jobs/{job.id}/events"


async def test_every_event_is_a_block_with_one_line_of_json(client: httpx.AsyncClient, job: Job) -> None:
    answer = await client.get(path(job))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Accel-Buffering"] == "no"
    hint, *blocks, rest = answer.text.split("\n\n")
    assert (hint, rest) == ("retry: 2000", "")
    fields = [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]
    assert [(one["id"], one["event"]) for one in fields] == [
        ("1", "job.queued"),
        ("2", "job.progress"),
        ("3", "job.failed"),
    ]
    assert json.loads(fields[1]["data"]) == {
        "job_id": job.id,
        "sequence": 2,
        "type": "job.progress",
        "at": "2026-11-21T12:00:00Z",
        "data": {"total": 2, "note": "two\nlines ü"},
    }


@pytest.mark.parametrize(("last", "ids"), [("0", [1, 2, 3]), ("2", [3]), ("17", [1, 2, 3])])
async def test_what_follows_the_last_event_id(client: httpx.AsyncClient, job: Job, last: str, ids: list[int]) -> None:
    answer = await client.get(path(job), headers={"Last-Event-ID": last})
    assert [int(line[4:]) for line in answer.text.splitlines() if line.startswith("id: ")] == ids


async def test_after_the_final_event_clients_are_told_not_to_come_back(client: httpx.AsyncClient, job: Job) -> None:
    answer = await client.get(path(job), headers={"Last-Event-ID": "3"})
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("last", ["one", "-1", "1.5", str(2**31), ""])
async def test_a_last_event_id_that_is_none(client: httpx.AsyncClient, job: Job, last: str) -> None:
    answer = await client.get(path(job), headers={"Last-Event-ID": last})
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["header:Last-Event-ID"]


async def test_events_are_their_tenants_alone(ask: Ask, world: World, job: Job) -> None:
    guarded = ask(options=ApiOptions(api_keys={SecretStr("key-of-acme"): "acme", SecretStr("key-of-brand"): "brand"}))
    world.ledger.add(replace(job, tenant="acme"))
    statuses = [
        (await guarded.get(path(job), headers=headers)).status_code
        for headers in ({}, {"X-API-Key": "key-of-brand"}, {"X-API-Key": "key-of-acme"})
    ]
    assert statuses == [401, 404, 200]
    for unknown in ("job_" + "0" * 32, "nonsense"):
        answer = await guarded.get(f"/api/v1/jobs/{unknown}/events", headers={"X-API-Key": "key-of-acme"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
