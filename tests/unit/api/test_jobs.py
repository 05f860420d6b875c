"""The jobs API."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from service.domain.jobs import Contract, Job, JobStatus
from service.domain.objects import ObjectRef
from service.ports.ledger import LedgerUnavailableError
from service.usecases.submissions import InlineSource, LinkedSource
from tests.unit.api.test_tools import ENCODED, PICTURE
from tests.unit.api.world import NOW, OUTPUT, World, succeeded

BODY = {"operation": "edit", "prompt": "invert", "image_url": "https://a.example/cat.png"}
UNKNOWN = "/api/v1/jobs/job_" + "0" * 32


def stored(world: World, number: int = 1, **changed: object) -> Job:
    job = Job(
        id=f"job_{number:032x}",
        tenant="default",
        contract=Contract.JOBS,
        operation="edit",
        prompt="invert",
        source=None,
        target=ObjectRef("out", "results"),
        created_at=NOW,
    )
    world.ledger.add(replace(job, **changed))
    return world.ledger.known[job.id]


async def test_submit_hands_on_every_field(client: httpx.AsyncClient, world: World) -> None:
    body = {
        "operation": "edit",
        "prompt": "invert",
        "image_base64": ENCODED,
        "mask_base64": base64.b64encode(b"mask").decode(),
        "filename": "cat.png",
        "parameters": {"size": "1024x1024", "output_compression": 80, "quality": None},
        "provider": "openai",
        "callback_url": "https://shop.example/hook",
        "metadata": {"sku": "4711"},
        "deadline_seconds": 60,
        "retry_possibly_billed": True,
    }
    answer = await client.post("/api/v1/jobs", json=body, headers={"Idempotency-Key": "k"})

    (submission,) = world.submissions
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1/jobs/{answer.json()['id']}"
    assert answer.headers["Retry-After"] == "3"
    assert answer.json()["status"] == "queued"
    assert answer.json()["progress"]["queue_position"] == 4
    assert submission.contract is Contract.JOBS
    assert submission.source == InlineSource(PICTURE)
    assert submission.mask == b"mask"
    assert submission.parameters == {"size": "1024x1024", "output_compression": 80}
    assert (submission.operation, submission.provider, submission.filename) == ("edit", "openai", "cat.png")
    assert submission.callback_url == "https://shop.example/hook"
    assert submission.metadata == {"sku": "4711"}
    assert (submission.deadline_seconds, submission.retry_possibly_billed) == (60, True)
    assert submission.idempotency.key == "k"
    assert submission.pointers["callback_url"] == "/callback_url"


async def test_submit_needs_no_callback(client: httpx.AsyncClient, world: World) -> None:
    answer = await client.post("/api/v1/jobs", json=BODY)
    assert answer.status_code == 202
    assert world.submissions[0].callback_url is None
    assert world.submissions[0].source == LinkedSource("https://a.example/cat.png")
    assert answer.json()["callback"] is None


async def test_replayed_submission_shows_the_same_job(client: httpx.AsyncClient) -> None:
    first = await client.post("/api/v1/jobs", json=BODY, headers={"Idempotency-Key": "k"})
    second = await client.post("/api/v1/jobs", json=BODY, headers={"Idempotency-Key": "k"})
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.json() == first.json()


async def test_wait_answers_200_when_the_job_ends_in_time(client: httpx.AsyncClient, world: World) -> None:
    asking = asyncio.create_task(client.post("/api/v1/jobs", json=BODY, headers={"Prefer": "wait=30"}))
    await world.ledger.added.wait()
    (job,) = world.ledger.known.values()
    world.ledger.change(replace(job, status=JobStatus.RUNNING))
    await asyncio.sleep(0.01)
    assert not asking.done()
    world.ledger.change(succeeded(job))

    answer = await asking
    assert answer.status_code == 200
    assert answer.headers["Preference-Applied"] == "wait=30"
    assert "Retry-After" not in answer.headers
    assert answer.json()["output"]["url"].startswith("https://store.example/out/results/cat_modified.png")


async def test_wait_answers_202_when_the_time_is_over(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/jobs", json=BODY, headers={"Prefer": "wait=0"})
    assert answer.status_code == 202
    assert "Preference-Applied" not in answer.headers
    assert answer.headers["Retry-After"] == "3"


@pytest.mark.parametrize("headers", [{}, {"Prefer": "wait=1"}])
async def test_accepted_job_is_acknowledged_even_if_it_cannot_be_read(
    client: httpx.AsyncClient, world: World, headers: dict[str, str]
) -> None:
    world.ledger.away = LedgerUnavailableError("gone")
    answer = await client.post("/api/v1/jobs", json=BODY, headers=headers)
    assert answer.status_code == 202
    assert answer.json() == {"accepted": True, "job_id": next(iter(world.ledger.known))}
    assert answer.headers["Location"] == f"/api/v1/jobs/{answer.json()['job_id']}"


async def test_get_says_when_to_look_again(client: httpx.AsyncClient, world: World) -> None:
    job = stored(world)
    answer = await client.get(f"/api/v1/jobs/{job.id}")
    assert answer.status_code == 200
    assert answer.headers["Retry-After"] == "3"
    assert answer.headers["Cache-Control"] == "no-store"

    world.ledger.add(succeeded(job))
    answer = await client.get(f"/api/v1/jobs/{job.id}")
    assert answer.json()["status"] == "succeeded"
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize("path", [UNKNOWN, "/api/v1/jobs/nonsense", "/api/v1/jobs/job_%00", f"{UNKNOWN}0"])
async def test_unknown_job(client: httpx.AsyncClient, path: str) -> None:
    for answer in [
        await client.get(path),
        await client.post(f"{path}/cancel"),
        await client.get(f"{path}/output"),
        await client.get(f"{path}/deliveries"),
    ]:
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_list_goes_page_by_page(client: httpx.AsyncClient, world: World) -> None:
    jobs = [stored(world, number) for number in range(1, 6)]
    seen: list[str] = []
    sizes = []
    params = {"limit": "2"}
    while True:
        page = (await client.get("/api/v1/jobs", params=params)).json()
        sizes.append(len(page["data"]))
        seen += [job["id"] for job in page["data"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == [job.id for job in reversed(jobs)]
    assert sizes == [2, 2, 1]
    assert "attempts" not in page["data"][0]


async def test_list_filters(client: httpx.AsyncClient, world: World) -> None:
    params = {
        "status": "failed",
        "operation": "edit",
        "created_after": "2026-11-01T00:00:00Z",
        "created_before": "2026-11-02T00:00:00+01:00",
    }
    assert (await client.get("/api/v1/jobs", params=params)).json() == {"data": [], "next_cursor": None}
    query = world.ledger.query
    assert (query.status, query.operation, query.limit, query.cursor) == (JobStatus.FAILED, "edit", 51, None)
    assert query.created_after == datetime(2026, 11, 1, tzinfo=UTC)
    assert query.created_before == datetime(2026, 11, 1, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"limit": "0"}, "query:limit"),
        ({"limit": "101"}, "query:limit"),
        ({"status": "done"}, "query:status"),
        ({"operation": "Robert'); DROP"}, "query:operation"),
        ({"created_after": "2026-11-01T00:00:00"}, "query:created_after"),
        ({"created_before": "yesterday"}, "query:created_before"),
        ({"cursor": "nonsense"}, "query:cursor"),
        ({"cursor": "é"}, "query:cursor"),
        ({"state": "failed"}, "query:state"),
    ],
)
async def test_wrong_list_query(client: httpx.AsyncClient, params: dict[str, str], pointer: str) -> None:
    answer = await client.get("/api/v1/jobs", params=params)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_cancel(client: httpx.AsyncClient, world: World) -> None:
    queued = stored(world, 1)
    running = stored(world, 2, status=JobStatus.RUNNING)
    finished = succeeded(stored(world, 3))
    world.ledger.add(finished)

    now = await client.post(f"/api/v1/jobs/{queued.id}/cancel")
    soon = await client.post(f"/api/v1/jobs/{running.id}/cancel")
    late = await client.post(f"/api/v1/jobs/{finished.id}/cancel")
    assert (now.status_code, now.json()["status"], now.headers.get("Retry-After")) == (200, "canceled", None)
    assert (soon.status_code, soon.json()["status"], soon.headers.get("Retry-After")) == (202, "running", "3")
    assert (late.status_code, late.json()["code"]) == (409, "already_finished")


async def test_output_redirects_to_a_fresh_link(client: httpx.AsyncClient, world: World) -> None:
    job = succeeded(stored(world))
    world.ledger.add(job)
    answer = await client.get(f"/api/v1/jobs/{job.id}/output")
    assert answer.status_code == 302
    assert answer.headers["Location"] == (
        "https://store.example/out/results/cat_modified.png?expires=900&name=cat_modified.png"
    )
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("changed", "code", "http_status", "retryable"),
    [
        ({"status": JobStatus.RUNNING}, "not_ready", 409, True),
        ({"status": JobStatus.FAILED}, "not_ready", 409, False),
        ({"status": JobStatus.SUCCEEDED, "output": OUTPUT, "removed_at": NOW}, "expired", 410, False),
    ],
)
async def test_no_output(
    client: httpx.AsyncClient, world: World, changed: dict, code: str, http_status: int, retryable: bool
) -> None:
    job = stored(world, **changed)
    answer = await client.get(f"/api/v1/jobs/{job.id}/output")
    assert (answer.status_code, answer.json()["code"]) == (http_status, code)
    assert answer.json()["retryable"] is retryable
