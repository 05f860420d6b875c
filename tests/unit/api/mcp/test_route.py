"""The protocol's endpoint in process: what HTTP says before the protocol begins, and what it says of the unforeseen."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import structlog
from pydantic import SecretStr

from service.api.options import ApiOptions
from service.ports.ledger import Accepted, LedgerUnavailableError
from service.usecases.submissions import Submission
from tests.unit.api.conftest import Ask
from tests.unit.api.world import World

ACCEPT = {"Accept": "application/json, text/event-stream"}
LEGACY: dict[str, str] = {}
MODERN = {"MCP-Protocol-Version": "2026-07-28"}
PICTURE = "iVBORw0KGgo="

revisions = pytest.mark.parametrize("revision", [LEGACY, MODERN], ids=["2025-03-26", "2026-07-28"])


async def ask_for(client: httpx.AsyncClient, method: str, revision: dict[str, str], **params: Any) -> dict[str, Any]:
    """One request of the protocol, by hand; what answers it."""
    headers = ACCEPT | revision
    if revision:
        headers |= {"Mcp-Method": method} | ({"Mcp-Name": params["name"]} if "name" in params else {})
        version = "io.modelcontextprotocol/protocolVersion"
        capabilities = "io.modelcontextprotocol/clientCapabilities"
        params["_meta"] = {version: revision["MCP-Protocol-Version"], capabilities: {}}
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
    for waiting in ({}, {"wait_seconds": 0}):
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


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_there_is_no_stream_to_open_and_no_session_to_end(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, "/mcp", headers=ACCEPT)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
