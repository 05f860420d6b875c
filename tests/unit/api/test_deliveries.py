"""Deliveries: shown without what is secret in a callback URL."""

from __future__ import annotations

import httpx

from service.domain.refusals import RefusalCode, RefusedError
from tests.unit.api.test_jobs import stored
from tests.unit.api.world import World, delivery


async def test_list_shows_every_attempt_and_no_secret(client: httpx.AsyncClient, world: World) -> None:
    job = stored(world)
    message = delivery(job_id=job.id)
    world.ledger.messages[job.id] = [message]
    answer = await client.get(f"/api/v1/jobs/{job.id}/deliveries")

    (shown,) = answer.json()["data"]
    assert (shown["id"], shown["job_id"], shown["state"], shown["last_status"]) == (
        message.id,
        job.id,
        "delivered",
        200,
    )
    assert shown["receiver"].startswith("https://agent.example:8443/…#")
    assert [(attempt["number"], attempt["status"], attempt["error_code"]) for attempt in shown["attempts"]] == [
        (1, None, "connect_timeout"),
        (2, 200, None),
    ]
    assert (shown["attempts"][0]["dns_ms"], shown["attempts"][0]["tls_ms"]) == (0.5, None)
    for secret in ("user", "word", "secret", "token"):
        assert secret not in answer.text


async def test_redeliver(client: httpx.AsyncClient, world: World) -> None:
    message = delivery()
    world.ledger.messages[message.job_id] = [message]
    answer = await client.post(f"/api/v1/deliveries/{message.id}/redeliver")
    assert (answer.status_code, answer.json()["id"], answer.json()["state"]) == (202, message.id, "pending")
    assert answer.json()["next_attempt_at"] == "2026-11-21T12:00:00Z"


async def test_redeliver_unknown(client: httpx.AsyncClient) -> None:
    for unknown in ("msg_" + "0" * 32, "nonsense"):
        answer = await client.post(f"/api/v1/deliveries/{unknown}/redeliver")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_try_a_receiver(client: httpx.AsyncClient, world: World) -> None:
    answer = await client.post("/api/v1/callbacks/test", json={"url": "https://agent.example/hook"})
    assert (answer.status_code, answer.json()["state"]) == (200, "delivered")
    assert world.tested == [("default", "https://agent.example/hook")]


async def test_try_a_forbidden_receiver(client: httpx.AsyncClient, world: World) -> None:
    world.refusal = RefusedError(RefusalCode.INVALID_CALLBACK_URL, "not allowed")
    answer = await client.post("/api/v1/callbacks/test", json={"url": "https://10.0.0.1"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_callback_url")
