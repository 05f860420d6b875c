"""A door in front of a server: whoever comes first has to wait in it, others pass."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_BUFFER_BYTES = 1 << 14


class Door:
    """Forwards connections to a server, but the first one not beyond its first bytes until it is opened.

    Who sends more than the buffers in between take is held while sending.

    Attributes:
        server_url: Where the server is; to be set before somebody comes.
        came: Set once the first one is there.
        left: Set once the first one is gone.
    """

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._listener.bind(("127.0.0.1", 0))
        self._opened = asyncio.Event()
        self._passing: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.server_url = ""
        self.came = asyncio.Event()
        self.left = asyncio.Event()

    @property
    def authority(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def open(self) -> None:
        """Let the first one through."""
        self._opened.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, sock=self._listener, limit=_BUFFER_BYTES)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for passing in self._passing:
            passing.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passing = asyncio.ensure_future(self._pass(reader, writer))
        self._passing.add(passing)
        passing.add_done_callback(self._passing.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = not self.came.is_set()
        begin = await reader.read(_BUFFER_BYTES)
        if first:
            self.came.set()
            await self._opened.wait()
        server = urlsplit(self.server_url)
        beyond_reader, beyond_writer = await asyncio.open_connection(server.hostname, server.port)
        beyond_writer.write(begin)
        answers = asyncio.ensure_future(_forward(beyond_reader, writer))
        try:
            await _forward(reader, beyond_writer)
        finally:
            answers.cancel()
            for each in (writer, beyond_writer):
                each.transport.abort()
            if first:
                self.left.set()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(_BUFFER_BYTES):
            writer.write(piece)
            await writer.drain()
