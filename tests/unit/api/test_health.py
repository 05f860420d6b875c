"""Health and metrics."""

from __future__ import annotations

import httpx

from service.usecases.health import Finding
from tests.unit.api.world import World


async def test_alive(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health")).json() == {"ok": True}
    assert (await client.get("/api/v1/health/live")).json() == {"status": "ok"}


async def test_ready(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/health/ready")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "components": [
            {"name": "database", "ok": True, "detail": ""},
            {"name": "storage", "ok": True, "detail": ""},
        ],
    }


async def test_not_ready(client: httpx.AsyncClient, world: World) -> None:
    world.findings = (Finding("database", ok=True), Finding("storage", ok=False, detail="no answer"))
    answer = await client.get("/api/v1/health/ready")
    assert answer.status_code == 503
    assert answer.json()["status"] == "unavailable"
    assert answer.json()["components"][1] == {"name": "storage", "ok": False, "detail": "no answer"}


async def test_metrics(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert answer.text == "afterimage_jobs_total 1\n"
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
