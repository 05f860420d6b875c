"""HTTP/1.1 in a few lines on asyncio streams: light enough not to disturb what is measured or killed beside it.

Both ends keep connections alive and take bodies with a Content-Length only; that is all the harness needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_STREAM_LIMIT = 4 * 1024 * 1024  # bytes buffered before the peer is slowed down


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def head(self) -> bytes:
        """The status line and the headers up to the empty line."""
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"content-length: {len(self.body)}",
            *(
                f"{name}: {value}"
                for name, value in ({"content-type": "application/json"} | dict(self.headers)).items()
            ),
        ]
        return "\r\n".join([*lines, "", ""]).encode()


Handler = Callable[[Request], Awaitable[Answer]]


class Server:
    """Answers every request through one coroutine function, on a free loopback port."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._faults: list[BaseException] = []
        self.url = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_STREAM_LIMIT, backlog=2048)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Stop listening; raises what the handler raised, if it ever did."""
        assert self._server is not None
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        if self._faults:
            raise self._faults[0]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.ensure_future(self._converse(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._gone)

    def _gone(self, connection: asyncio.Task[None]) -> None:
        self._connections.discard(connection)
        if not connection.cancelled() and (fault := connection.exception()) is not None:
            self._faults.append(fault)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                start, headers, body = await _read_message(reader)
                method, path, _ = start.split(" ", 2)
                answer = await self._handler(Request(method, path, headers, body))
                writer.write(answer.head)
                writer.write(answer.body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the peer is done, or dead
        finally:
            writer.transport.abort()


class Connection:
    """A client's connection: one request at a time, opened when needed and again after the server broke it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Send an encoded request and read the answer: status, headers, body.

        Raises:
            ConnectionError: the server cannot be reached or went away; the request may have arrived.
        """
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(self._host, self._port, limit=_STREAM_LIMIT)
            reader, writer = self._streams
            writer.write(request)
            await writer.drain()
            start, headers, body = await _read_message(reader)
        except asyncio.IncompleteReadError as error:
            self.close()
            raise ConnectionResetError from error
        except BaseException:
            self.close()
            raise
        if headers.get("connection") == "close":
            self.close()
        return int(start.split(" ", 2)[1]), headers, body

    def close(self) -> None:
        """Drop the connection without ceremony."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


def encode_request(method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A whole request as bytes, so that nothing is built while time is taken."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "host: 127.0.0.1",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _read_message(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines if line)
    headers = {name.lower(): value.strip() for name, _, value in fields}
    return start, headers, await reader.readexactly(int(headers.get("content-length", "0")))
