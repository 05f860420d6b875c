"""``POST /mcp``: the Model Context Protocol over Streamable HTTP, with the keys and limits of every other route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.types import Message, Receive, Scope, Send

from service.api.authentication import Tenant
from service.api.bodies import Bodies
from service.api.dependencies import TheBodies, TheDocuments, TheOptions, TheServices
from service.api.mcp.callers import Caller
from service.api.origins import check_page

router = APIRouter()

_MAX_BODY_BYTES = 2**23  # the SDK parses on the event loop, which more would hold up for too long


@router.post("/mcp", include_in_schema=False)  # its own protocol describes it
async def model_context(
    request: Request,
    services: TheServices,
    documents: TheDocuments,
    bodies: TheBodies,
    options: TheOptions,
    tenant: Tenant,
) -> Response:
    """Answer one request of the protocol. There is no stream to GET, and no session to DELETE: both answer 405."""
    check_page(request, public_url=options.public_url)
    return _Exchange(request, bodies, Caller(tenant=tenant, services=services, documents=documents))


class _Exchange(Response):
    """What the SDK answers to a body that this service has read, under its own limits."""

    def __init__(self, request: Request, bodies: Bodies, caller: Caller) -> None:
        super().__init__()
        self._request = request
        self._bodies = bodies
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer (ASGI).

        Raises:
            RefusedError: the body is not acceptable.
        """
        async with self._bodies.held(self._request, max_bytes=_MAX_BODY_BYTES) as raw:
            answer = await run_in_threadpool(_answer)
            await answer(self._caller, len(raw), scope, _replayed(raw, receive), send)


def _answer() -> Callable[[Caller, int, Scope, Receive, Send], Awaitable[None]]:
    """Import the SDK at the first request, beside the event loop: it takes half a second that few services need."""
    from service.api.mcp.exchange import answer

    return answer


def _replayed(raw: bytes, receive: Receive) -> Receive:
    """The body once more, and then whatever else comes: that the client has left."""
    body: list[Message] = [{"type": "http.request", "body": raw, "more_body": False}]

    async def next_message() -> Message:
        return body.pop() if body else await receive()

    return next_message
