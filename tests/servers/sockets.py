"""Receivers that misbehave: raw sockets doing to a client what real peers do, and worse."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import trustme

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(slots=True)
class Socket:
    """A listening raw socket and what it has seen."""

    port: int
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    sent_bytes: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def requested(self, count: int) -> None:
        """Wait for so many requests in all."""
        async with asyncio.timeout(30):
            while len(self.requests) < count:
                self.changed.clear()
                await self.changed.wait()

    def url(self, scheme: str = "http", host: str = "127.0.0.1") -> str:
        """Where it listens."""
        return f"{scheme}://{host}:{self.port}/hook"


@dataclass(frozen=True, slots=True)
class Peer:
    """One connection that a client made."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: Socket

    async def request(self) -> bytes:
        """One whole request: head, and the body that Content-Length announces."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        fields = (line.lower().partition(b":") for line in head.split(b"\r\n"))
        length = next((int(value) for name, _, value in fields if name == b"content-length"), 0)
        whole = head + await self.reader.readexactly(length)
        self.seen.requests.append(whole)
        self.seen.changed.set()
        return whole

    async def send(self, data: bytes) -> None:
        """Send, and wait while the client does not read."""
        self.seen.sent_bytes += len(data)
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Close with RST in place of FIN."""
        raw = self.writer.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Behaviour = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def listening(
    behaviour: Behaviour, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Socket]:
    """Listen, and treat every connection in one way until the end of the block."""
    seen = Socket(port=port)
    tasks: set[asyncio.Task[None]] = set()

    async def converse(peer: Peer) -> None:
        seen.connections += 1
        try:
            await behaviour(peer)
            peer.writer.close()
            await peer.writer.wait_closed()
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            pass  # the client has had enough
        finally:
            peer.writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(converse(Peer(reader, writer, seen)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, host, port, ssl=tls)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def answering(data: bytes) -> Behaviour:
    """Answers each request with these bytes and keeps the connection."""

    async def behaviour(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(data)

    return behaviour


def answering_once(data: bytes) -> Behaviour:
    """Answers one request with these bytes and closes."""

    async def behaviour(peer: Peer) -> None:
        await peer.request()
        await peer.send(data)

    return behaviour


def dripping(start: bytes, drop: bytes, *, every_seconds: float = 0.01) -> Behaviour:
    """Answers with `start` and then a drop at a time, for ever."""

    async def behaviour(peer: Peer) -> None:
        await peer.request()
        await peer.send(start)
        while True:
            await peer.send(drop)
            await asyncio.sleep(every_seconds)

    return behaviour


def flooding(start: bytes, flood: bytes, *, times: int) -> Behaviour:
    """Answers with `start` and then as much as the client takes, at most `times` floods."""

    async def behaviour(peer: Peer) -> None:
        await peer.request()
        await peer.send(start)
        for _ in range(times):
            await peer.send(flood)

    return behaviour


async def hanging(peer: Peer) -> None:
    """Takes the request and never answers."""
    await peer.request()
    await asyncio.Event().wait()


async def closing(peer: Peer) -> None:
    """Takes the request and closes without an answer."""
    await peer.request()


async def resetting_before_the_body(peer: Peer) -> None:
    """Resets the connection as soon as the head of the request is there."""
    await peer.reader.readuntil(b"\r\n\r\n")
    peer.reset()


async def resetting_after_the_body(peer: Peer) -> None:
    """Resets the connection when it has the whole request."""
    await peer.request()
    peer.reset()


def gzip_bomb(unpacked_bytes: int) -> bytes:
    """An answer that a client which unpacks would drown in."""
    packed = gzip.compress(bytes(unpacked_bytes))
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(packed), packed)


class Authorities:
    """A trusted authority, one nobody trusts, and the server contexts they make."""

    def __init__(self) -> None:
        self._trusted = trustme.CA()
        self._stranger = trustme.CA()

    def client(self) -> ssl.SSLContext:
        """A client's context that trusts the one authority alone."""
        context = ssl.create_default_context()
        self._trusted.configure_trust(context)
        return context

    def servers(self) -> Mapping[str, ssl.SSLContext]:
        """Server contexts: ``good``, ``expired``, ``wrong_name`` and ``self_signed``."""
        yesterday = datetime.now(UTC) - timedelta(days=1)
        return {
            "good": _server(self._trusted.issue_cert("localhost", "127.0.0.1")),
            "expired": _server(
                self._trusted.issue_cert("127.0.0.1", not_before=yesterday - timedelta(days=9), not_after=yesterday)
            ),
            "wrong_name": _server(self._trusted.issue_cert("elsewhere.example")),
            "self_signed": _server(self._stranger.issue_cert("127.0.0.1")),
        }


def _server(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
