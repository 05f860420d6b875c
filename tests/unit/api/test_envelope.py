"""What goes around every answer."""

from __future__ import annotations

import httpx
import pytest
from structlog.testing import capture_logs

from service.api.envelope import Envelope
from service.api.uploads import CallerLeftError
from tests.unit.api.conftest import Ask
from tests.unit.api.test_tools import BASE64, CALLBACK, ENCODED
from tests.unit.api.world import World


async def test_security_headers_are_everywhere(client: httpx.AsyncClient) -> None:
    for path in ("/health", "/nowhere", "/openapi.json"):
        answer = await client.get(path)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["Cache-Control"] == "no-store"


async def test_request_id_of_the_caller_is_kept(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health", headers={"X-Request-ID": "trace-1.a_b"})
    assert answer.headers["X-Request-ID"] == "trace-1.a_b"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\x1b[31m"])
async def test_request_id_that_cannot_be_logged_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/health", headers={"X-Request-ID": given})
    assert len(answer.headers["X-Request-ID"]) == 32


async def test_answers_are_logged_without_query_and_probes_quietly(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        await client.get("/files/a/b?signature=secret")
        await client.get("/health")
    assert [(log["log_level"], log["path"], log["status"]) for log in logs] == [
        ("info", "/files/a/b", 404),
        ("debug", "/health", 200),
    ]
    assert "secret" not in str(logs)


async def test_unexpected_errors_are_logged_and_not_told(client: httpx.AsyncClient, world: World) -> None:
    world.refusal = ZeroDivisionError("inner workings")
    with capture_logs() as logs:
        answer = await client.post(BASE64, json={"prompt": "x", "image_base64": ENCODED}, headers=CALLBACK)
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert "inner" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert [log["event"] for log in logs] == ["request failed", "request answered"]
    assert logs[0]["exc_info"] is True


async def test_hostile_host_header_is_no_error(ask: Ask) -> None:
    answer = await ask().get("/nowhere", headers={"Host": "[::1"})
    assert answer.status_code == 404


async def test_error_after_the_start_of_an_answer_cuts_the_connection() -> None:
    async def broken(scope: dict, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    transport = httpx.ASGITransport(Envelope(broken))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        with pytest.raises(ZeroDivisionError):
            await client.get("/")


async def test_caller_who_left_gets_no_answer_and_no_error() -> None:
    sent: list[dict] = []

    async def left(scope: dict, receive: object, send: object) -> None:
        raise CallerLeftError

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    with capture_logs() as logs:
        await Envelope(left)(scope, None, send)
    assert sent == []
    assert [(log["log_level"], log["status"]) for log in logs] == [("info", None)]


async def test_other_protocols_pass_through() -> None:
    passed: list[str] = []

    async def inner(scope: dict, receive: object, send: object) -> None:
        passed.append(scope["type"])

    await Envelope(inner)({"type": "lifespan"}, None, None)
    assert passed == ["lifespan"]
