"""One request of the protocol over Streamable HTTP, answered with the official SDK and forgotten.

Importing this module takes half a second; `service.api.mcp.route` does it when the first request comes.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib.metadata import version
from typing import Any

import pybase64
import structlog
from fastapi.concurrency import run_in_threadpool
from mcp import MCPError, types
from mcp.server import Server, ServerRequestContext
from mcp.server.caching import CacheHint
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from pydantic import BaseModel, ValidationError
from sse_starlette.sse import AppStatus
from starlette.types import Receive, Scope, Send

from service.api.bodies import fingerprint
from service.api.failures import field_errors, invalid_request, refusal
from service.api.mcp.answers import Answer
from service.api.mcp.arguments import AROUND
from service.api.mcp.callers import Caller
from service.api.mcp.calls import Call
from service.api.mcp.mistakes import mistake
from service.api.mcp.tools import INSTRUCTIONS, TOOLS, Tool
from service.api.problems import ProtocolCode
from service.domain.refusals import RefusedError
from service.domain.standing import Standing
from service.ports.ledger import IdempotencyKey

_log = structlog.get_logger()
_VERSION = version("afterimage")
_TOOLS = {tool.name: tool for tool in TOOLS}
_LISTED = [
    types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        annotations=types.ToolAnnotations(
            read_only_hint=tool.reads_only,
            destructive_hint=tool.destroys,
            idempotent_hint=tool.reads_only or tool.repeatable,
        ),
    )
    for tool in TOOLS
]
_SCHEMAS = {tool.name: tool.input_schema for tool in _LISTED}
_FRESH_MILLISECONDS = 300_000  # for which a client may keep the list of tools

Context = ServerRequestContext[dict[str, Any]]


async def answer(caller: Caller, body_bytes: int, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request (ASGI), with JSON or with a stream of events as the client and the revision have it.

    There are no sessions: the processes of a fleet share no memory, and the next request may go to another one.

    Args:
        body_bytes: Length of the body, which was found acceptable already.
    """
    # The SDK's streams would be cut when the process is told to stop; they end by themselves, with an answer.
    AppStatus.enable_automatic_graceful_drain = False
    server = Server(
        "afterimage",
        title="Afterimage",
        version=_VERSION,
        instructions=INSTRUCTIONS,
        cache_hints={"tools/list": CacheHint(ttl_ms=_FRESH_MILLISECONDS, scope="public")},
        get_tool_input_schema=_SCHEMAS.get,
        on_list_tools=_list_tools,
        on_call_tool=partial(_call_tool, caller),
    )
    manager = StreamableHTTPSessionManager(server, stateless=True, max_request_body_size=max(1, body_bytes))
    async with manager.run():  # nothing that it starts outlives the request
        await manager.handle_request(scope, receive, send)


async def _list_tools(_context: Context, _params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    return types.ListToolsResult(tools=_LISTED)


async def _call_tool(caller: Caller, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
    tool = _TOOLS.get(params.name)
    if tool is None:
        raise MCPError(types.INVALID_PARAMS, f"there is no tool {params.name!r}")
    try:
        # Base64 of a picture is decoded off the event loop.
        arguments, key = await run_in_threadpool(_checked, tool, params.arguments or {}, caller.tenant)
        call = Call(
            services=caller.services,
            documents=caller.documents,
            tenant=caller.tenant,
            idempotency=key,
            report=_reporter(context),
        )
        result = _result(await tool.run(call, arguments))
    except Exception as error:  # noqa: BLE001 - a model can do something about most of them
        return _failed(tool, error)
    _log.info("tool called", tool=tool.name)
    return result


def _checked(tool: Tool, arguments: Mapping[str, Any], tenant: str) -> tuple[BaseModel, IdempotencyKey | None]:
    """The arguments, validated, and the caller's idempotency key with the digest of what is asked for.

    Raises:
        RefusedError: naming the arguments that are wrong.
    """
    given = {name: value for name, value in arguments.items() if value is not None}  # clients send null for nothing
    try:
        checked = tool.arguments.model_validate(given)
    except ValidationError as error:
        raise invalid_request(field_errors(error)) from None
    key = given.get("idempotency_key")
    if key is None:
        return checked, None
    asked = {name: value for name, value in given.items() if name not in AROUND}
    raw = json.dumps(asked, sort_keys=True).encode()
    return checked, IdempotencyKey(key, fingerprint(raw, (tenant, tool.name)))


def _reporter(context: Context) -> Callable[[Standing], Awaitable[None]]:
    done = -1

    async def report(standing: Standing) -> None:
        nonlocal done
        if standing.current > done:  # the protocol wants each report to be above the last
            done = standing.current
            message = f"{standing.stage.value}, {standing.current} of {standing.total} pictures"
            await context.session.report_progress(standing.current, standing.total, message)

    return report


def _result(found: Answer) -> types.CallToolResult:
    content: list[types.ContentBlock] = [types.TextContent(text=found.text)]
    link = found.link
    if link is not None and found.picture is not None:
        content.append(types.ImageContent(data=pybase64.b64encode_as_string(found.picture), mime_type=link.mime_type))
    if link is not None:
        content.append(types.ResourceLink(uri=link.url, name=link.name, mime_type=link.mime_type, size=link.byte_count))
    return types.CallToolResult(content=content, structured_content=found.document.model_dump(mode="json"))


def _failed(tool: Tool, error: Exception) -> types.CallToolResult:
    """An error as a result, so that the model sees it.

    As text alone: structured content would have to be what the tool's output schema says.
    """
    refused = refusal(error)
    if refused is None:
        _log.error("tool failed", tool=tool.name, exc_info=error)
        refused = RefusedError(ProtocolCode.INTERNAL, "something went wrong here; it was logged")
    else:
        _log.info("tool refused", tool=tool.name, code=str(refused.code))
    return types.CallToolResult(content=[types.TextContent(text=mistake(refused))], is_error=True)
