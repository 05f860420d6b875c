"""What goes around every answer: a request id, security headers, a log line, and a shape for the unexpected."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import uuid4

import structlog
from fastapi import Request

from service.api.problems import ProtocolCode, problem
from service.api.uploads import CallerLeftError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_log = structlog.get_logger()
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_QUIET = frozenset({"/health", "/api/v1/health/live", "/api/v1/health/ready", "/metrics"})
_DEFAULTS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),  # every answer is about one tenant at one moment
)


class Envelope:
    """ASGI middleware; a route's own header goes before the one from here."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        headers = (*_DEFAULTS, (b"x-request-id", request_id))
        started = time.perf_counter()
        status: int | None = None

        async def send_wrapped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(one for one in headers if one[0] not in present)]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id.decode()):
            try:
                await self._app(scope, receive, send_wrapped)
            except CallerLeftError:
                pass  # and nothing was kept
            except Exception:
                _log.exception("request failed", method=scope["method"], path=scope["path"])
                if status is not None:
                    raise  # too late for another answer: the server cuts the connection
                answer = problem(Request(scope), ProtocolCode.INTERNAL, "something went wrong here; it was logged")
                await answer(scope, receive, send_wrapped)
            _log_answer(scope, status, started)


def _request_id(scope: Scope) -> bytes:
    """The caller's X-Request-ID, if it can be logged as it is, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value)
    return uuid4().hex.encode()


def _log_answer(scope: Scope, status: int | None, started: float) -> None:
    """The path alone: queries carry signatures of links."""
    log = _log.debug if scope["path"] in _QUIET else _log.info
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    log("request answered", method=scope["method"], path=scope["path"], status=status, duration_ms=milliseconds)
