"""A receiver of callbacks that remembers every visit and answers by a script.

In a test: ``async with Receiver(Reply(503), Reply(429, {"Retry-After": "2"})) as receiver: …``; what the script
does not cover is answered with 200. As a process, for benchmarks and demonstrations:
``python -m tests.servers.receiver --port 0 --log visits.jsonl --fail-first 3 --status 503`` prints its URL first.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import uvicorn

from tests.patience import PATIENCE_SECONDS


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    delay_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request as it arrived; header names are lower case, `at` is Unix seconds."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def line(self) -> str:
        """The visit as a line of JSON; the body in base64, because it must be exact."""
        return json.dumps(
            {
                "method": self.method,
                "target": self.target,
                "headers": dict(self.headers),
                "body_base64": base64.b64encode(self.body).decode(),
                "at": self.at,
            }
        )


class Receiver:
    """A real HTTP server on a loopback port of its own, which it keeps over `stop` and `start`."""

    def __init__(self, *script: Reply, port: int = 0, log: TextIO | None = None, keep: bool = True) -> None:
        self.script = deque(script)
        self.visits: list[Visit] = []
        self.count = 0
        self._came = asyncio.Event()
        self._log = log
        self._keep = keep
        self._port = port
        self._server: uvicorn.Server | None = None

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        # With its protocol named, or asyncio leaves Nagle's algorithm on and every answer takes 40 ms.
        listener = socket.socket(proto=socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            lifespan="off",
            ws="none",
            proxy_headers=False,
            log_config=None,
            access_log=False,
        )
        config.load()
        self._server = uvicorn.Server(config)
        # Not serve(), which takes the signals of the whole process.
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup(sockets=[listener])

    async def stop(self) -> None:
        """Die: what is not answered yet never will be."""
        assert self._server is not None
        self._server.force_exit = True
        await self._server.shutdown()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def visited(self, count: int, *, timeout_seconds: float = PATIENCE_SECONDS) -> list[Visit]:
        """Wait for so many visits in all."""
        async with asyncio.timeout(timeout_seconds):
            while self.count < count:
                self._came.clear()
                await self._came.wait()
        return self.visits

    async def _app(
        self,
        scope: Mapping[str, Any],
        receive: Callable[[], Awaitable[Mapping[str, Any]]],
        send: Callable[[Mapping[str, Any]], Awaitable[None]],
    ) -> None:
        parts, more = [], True
        while more:
            event = await receive()
            parts.append(event.get("body", b""))
            more = event.get("more_body", False)
        if event["type"] == "http.disconnect":
            return
        self._remember(scope, b"".join(parts))
        reply = self.script.popleft() if self.script else Reply()
        await asyncio.sleep(reply.delay_seconds)
        headers = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
        headers.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    def _remember(self, scope: Mapping[str, Any], body: bytes) -> None:
        query = scope["query_string"].decode()
        visit = Visit(
            method=scope["method"],
            target=scope["raw_path"].decode() + (f"?{query}" if query else ""),
            headers={name.decode(): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
            at=time.time(),
        )
        self.count += 1
        self._came.set()
        if self._keep:
            self.visits.append(visit)
        if self._log is not None:
            print(visit.line(), file=self._log, flush=True)


async def _serve(arguments: argparse.Namespace) -> None:
    headers = {"Retry-After": arguments.retry_after} if arguments.retry_after else {}
    script = [Reply(arguments.status, headers)] * arguments.fail_first
    log = Path(arguments.log).open("a", encoding="utf-8") if arguments.log else None  # noqa: ASYNC230, SIM115 - once
    receiver = Receiver(*script, port=arguments.port, log=log, keep=False)
    await receiver.start()
    print(receiver.url, flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Run until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", help="append each visit to this file as a line of JSON")
    parser.add_argument("--fail-first", type=int, default=0, help="how many visits are answered with --status")
    parser.add_argument("--status", type=int, default=503)
    parser.add_argument("--retry-after")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
