"""The protocol's endpoint in process: what HTTP says before the protocol begins, and what it says of the unforeseen."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import structlog
from pydantic import SecretStr

from service.api.options import ApiOptions
from service.ports.ledger import Accepted, LedgerUnavailableError
from service.usecases.submissions import InlineSource, Submission
from tests.threads import held_threads
from tests.unit.api.conftest import Ask
from tests.unit.api.world import World

ACCEPT = {"Accept": "application/json, text/event-stream"}
LEGACY: dict[str, str] = {}
MODERN = {"MCP-Protocol-Version": "2026-07-28"}
META = {"protocolVersion": "2026-07-28", "clientCapabilities": {}}
PICTURE = "iVBORw0KGgo="

revisions = pytest.mark.parametrize("revision", [LEGACY, MODERN], ids=["2025-03-26", "2026-07-28"])


async def ask_for(client: httpx.AsyncClient, method: str, revision: dict[str, str], **params: Any) -> dict[str, Any]:
    """One request of the protocol, by hand; what answers it."""
    headers = ACCEPT | revision
    if revision:
        headers |= {"Mcp-Method": method} | ({"Mcp-Name": params["name"]} if "name" in params else {})
        params["_meta"] = {f"io.modelcontextprotocol/{name}": value for name, value in META.items()}
    answer = await client.post(
        "/mcp", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, headers=headers
    )
    assert "mcp-session-id" not in answer.headers
    text = answer.text
    if answer.headers["content-type"].startswith("text/event-stream"):
        (text,) = (line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: "))
    found: dict[str, Any] = json.loads(text)
    return found


async def call(client: httpx.AsyncClient, revision: dict[str, str], tool: str, **arguments: Any) -> dict[str, Any]:
    """The error of a tool."""
    answer = await ask_for(client, "tools/call", revision, name=tool, arguments=arguments)
    assert answer["result"]["isError"] is True
    error: dict[str, Any] = json.loads(answer["result"]["content"][0]["text"])
    return error


def test_who_is_never_asked_never_imports_the_sdk() -> None:
    looks = "import sys, service.api.app; raise SystemExit('mcp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", looks], check=False).returncode == 0


@revisions
async def test_every_revision_has_the_same_tools(client: httpx.AsyncClient, revision: dict[str, str]) -> None:
    tools = (await ask_for(client, "tools/list", revision))["result"]["tools"]
    assert [tool["name"] for tool in tools][:2] == ["edit_image", "get_job"]
    hints = {tool["name"]: tool["annotations"] for tool in tools}
    assert hints["list_jobs"]["readOnlyHint"]
    assert hints["cancel_job"]["destructiveHint"]


@revisions
async def test_a_tool_that_is_not_there_is_an_error_of_the_protocol(
    client: httpx.AsyncClient, revision: dict[str, str]
) -> None:
    answer = await ask_for(client, "tools/call", revision, name="draw_image", arguments={})
    assert answer["error"]["code"] == -32602
    assert "draw_image" in answer["error"]["message"]


async def test_what_a_model_asks_for_is_what_is_submitted(client: httpx.AsyncClient, world: World) -> None:
    arguments = {
        "prompt": "x",
        "object_key": "cat.png",
        "bucket": "in",
        "parameters": {"size": "auto"},
        "provider": "local",
        "callback_url": "https://agent.example/",
        "idempotency_key": "a key",
    }
    for waiting in ({}, {"wait_seconds": 0}, {"wait_seconds": None, "filename": None, "image_url": None}):
        answer = await ask_for(client, "tools/call", MODERN, name="edit_image", arguments=arguments | waiting)
        assert answer["result"]["structuredContent"]["status"] == "queued"
    (submission,) = world.submissions
    assert (submission.tenant, submission.operation, submission.provider) == ("default", "edit", "local")
    assert (submission.source.key, submission.source.bucket) == ("cat.png", "in")  # type: ignore[union-attr]
    assert (dict(submission.parameters), submission.callback_url) == ({"size": "auto"}, "https://agent.example/")


async def test_jobs_are_listed_page_by_page(client: httpx.AsyncClient) -> None:
    listed = await ask_for(client, "tools/call", MODERN, name="list_jobs", arguments={})
    assert listed["result"]["content"][0]["text"] == "None."
    for number in range(2):
        edit = {"prompt": f"{number}", "image_base64": PICTURE}
        await ask_for(client, "tools/call", MODERN, name="edit_image", arguments=edit)
    found, cursor = [], {}
    for ending in ("More with cursor {}.", "No more."):
        arguments = {"limit": 1, **cursor}
        result = (await ask_for(client, "tools/call", MODERN, name="list_jobs", arguments=arguments))["result"]
        page = result["structuredContent"]
        found += [one["id"] for one in page["data"]]
        assert result["content"][0]["text"].endswith(ending.format(page["next_cursor"]))
        cursor = {"cursor": page["next_cursor"]}
    assert len(set(found)) == 2


async def test_what_was_accepted_and_cannot_be_shown_is_not_to_be_asked_for_again(ask: Ask, world: World) -> None:
    services = world.services()

    async def accept(submission: Submission) -> Accepted:
        accepted = await services.accept(submission)
        world.ledger.away = LedgerUnavailableError()
        return accepted

    error = await call(ask(accept=accept), MODERN, "edit_image", prompt="x", image_base64=PICTURE)
    (job_id,) = world.ledger.known
    assert (error["code"], error["retryable"]) == ("temporarily_unavailable", False)
    assert f"{job_id} was accepted" in error["message"]


@revisions
async def test_a_database_that_is_away_is_said_to_come_back(
    client: httpx.AsyncClient, world: World, revision: dict[str, str]
) -> None:
    world.ledger.away = LedgerUnavailableError()
    error = await call(client, revision, "get_job", job_id="job_" + "0" * 32)
    assert (error["code"], error["retryable"], error["retry_after_seconds"]) == ("temporarily_unavailable", True, 5)


@revisions
async def test_the_unforeseen_is_logged_and_not_shown(
    client: httpx.AsyncClient,
    world: World,
    logs: list[structlog.typing.EventDict],
    revision: dict[str, str],
) -> None:
    world.ledger.away = ZeroDivisionError("a secret")
    error = await call(client, revision, "get_job", job_id="job_" + "0" * 32)
    assert error["code"] == "internal_error"
    assert "secret" not in str(error)
    assert [line["tool"] for line in logs if line["event"] == "tool failed"] == ["get_job"]


async def test_keys_are_asked_for_as_everywhere(ask: Ask) -> None:
    client = ask(options=ApiOptions(api_keys={SecretStr("key"): "alice"}))
    answer = await client.post("/mcp", json={}, headers=ACCEPT)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    client.headers["X-API-Key"] = "key"
    assert (await ask_for(client, "tools/list", MODERN))["result"]["tools"]


@pytest.mark.parametrize(
    ("origin", "status"), [("https://img.example", 200), ("https://evil.example", 403), ("null", 403)]
)
async def test_pages_of_other_sites_are_kept_out(client: httpx.AsyncClient, origin: str, status: int) -> None:
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    answer = await client.post("/mcp", json=ping, headers=ACCEPT | {"Origin": origin})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{}", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b"[" + b"0," * 10_001 + b"0]", {"Content-Type": "application/json"}, 400, "invalid_json"),
        (b" " * (2**23 + 1), {"Content-Type": "application/json"}, 413, "request_too_large"),
    ],
)
async def test_bodies_have_the_limits_of_all_bodies(
    client: httpx.AsyncClient, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await client.post("/mcp", content=content, headers=ACCEPT | headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.fixture
def held(world: World) -> tuple[asyncio.Event, asyncio.Event, Callable[[Submission], Awaitable[Accepted]]]:
    """An acceptance that says when it has begun to hold what was sent, and waits to be let go."""
    begun, let_go, accept = asyncio.Event(), asyncio.Event(), world.services().accept

    async def wait(submission: Submission) -> Accepted:
        if submission.prompt == "Take your time":
            begun.set()
            await let_go.wait()
        return await accept(submission)

    return begun, let_go, wait


def edit(prompt: str) -> bytes:
    params = {"name": "edit_image", "arguments": {"prompt": prompt, "image_base64": PICTURE}}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()


async def test_bodies_that_are_held_leave_room_for_all_others(ask: Ask, held: tuple) -> None:
    begun, let_go, accept = held
    held_bytes = len(edit("Take your time")) + 10
    client = ask(options=ApiOptions(uploads_total_bytes=4 * held_bytes, upload_wait_seconds=0.1), accept=accept)
    client.headers.update(ACCEPT | {"Content-Type": "application/json"})
    first = asyncio.create_task(client.post("/mcp", content=edit("Take your time")))
    await begun.wait()
    refused = await client.post("/mcp", content=edit("At once"))
    assert (refused.status_code, refused.json()["code"]) == (503, "temporarily_unavailable")
    job = {"operation": "edit", "prompt": "x" * held_bytes, "image_base64": PICTURE}
    assert (await client.post("/api/v1/jobs", json=job)).status_code == 202
    let_go.set()
    assert (await first).status_code == 200


async def test_a_body_of_unknown_length_holds_no_more_than_it_has(ask: Ask, held: tuple) -> None:
    begun, let_go, accept = held
    client = ask(options=ApiOptions(uploads_total_bytes=4 * 600, upload_wait_seconds=0.1), accept=accept)
    client.headers.update(ACCEPT | {"Content-Type": "application/json"})

    async def chunks() -> AsyncIterator[bytes]:
        yield edit("Take your time")

    first = asyncio.create_task(client.post("/mcp", content=chunks()))
    await begun.wait()
    assert (await client.post("/mcp", content=edit("At once"))).status_code == 200
    let_go.set()
    assert (await first).status_code == 200


def sent(client: httpx.AsyncClient, revision: dict[str, str], arguments: str) -> asyncio.Task[httpx.Response]:
    """The call of a tool whose arguments come as they are."""
    meta = json.dumps({f"io.modelcontextprotocol/{name}": value for name, value in META.items()})
    body = (
        '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "edit_image", '
        f'"_meta": {meta}, "arguments": {arguments}}}}}'
    ).encode()
    headers = {"Content-Type": "application/json", "Mcp-Method": "tools/call", "Mcp-Name": "edit_image"}
    return asyncio.create_task(client.post("/mcp", content=body, headers=ACCEPT | revision | headers))


@revisions
async def test_the_largest_picture_is_decoded_beside_the_event_loop(
    client: httpx.AsyncClient, world: World, revision: dict[str, str]
) -> None:
    picture = os.urandom(6_000_000)
    arguments = json.dumps({"prompt": "x", "image_base64": base64.b64encode(picture).decode()})
    async with held_threads() as threads:
        large = sent(client, revision, arguments)
        await threads.wanted(large)
        threads.spare_one()  # the first request of a process imports the SDK
        await threads.wanted(large)
        assert not world.submissions
    assert (await large).status_code == 200
    assert world.submissions[0].source == InlineSource(picture)


@revisions
@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        ("{" + ",".join(f'"{number}":1' for number in range(9_900)) + "}", 200, "too_many_mistakes"),
        ('{"prompt": "' + "\\u0041" * 1_300_000 + '"}', 200, "string_too_long"),
        ('{"prompt":' * 600_000 + "1" + "}" * 600_000, 400, "-32700"),
        ("{" + '"a":1,' * 10_000 + '"b":1}', 400, "more than 10000 commas"),
        ('{"prompt": "' + "x" * 2**23 + '"}', 413, "too large"),
    ],
    ids=["fields", "escapes", "depth", "values", "bytes"],
)
async def test_what_would_hold_up_the_event_loop_is_refused_in_few_words(
    client: httpx.AsyncClient, revision: dict[str, str], arguments: str, status: int, says: str
) -> None:
    """The SDK parses on the event loop what passes this service's own limits."""
    answer = await sent(client, revision, arguments)
    assert answer.status_code == status
    assert says in answer.text
    assert len(answer.content) < 2_000


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_there_is_no_stream_to_open_and_no_session_to_end(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, "/mcp", headers=ACCEPT)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
