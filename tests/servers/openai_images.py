"""A server of the OpenAI Images API that answers by a script: pictures, every error, and connections that break.

In a test, in a thread with an event loop of its own::

    with ImagesServer() as server:
        server.script("rate_limited", Reply(delay_seconds=2))  # then pictures again
        ...
        assert server.calls[0].fields["prompt"] == "a cat"

As a process, which prints its URL first::

    python -m tests.servers.openai_images --port 0 --delay 10 --ready-made 100000

It is then scripted with ``POST /control/script`` (``{"replies": [...], "always": ...}``, where a reply is a name of
`REPLIES` or an object with the fields of `Reply`, by ``"like"`` on top of a named one) and asked with
``GET /control/calls``; ``DELETE /control/calls`` forgets.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import itertools
import json
import os
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

from PIL import Image

from tests.servers.images_api import MODELS, EditForm, RefusedFormError, check_form, edited, parse_form, usage_of
from tests.servers.images_replies import REPLIES, Reply, refusal, reply_of

_STREAM_LIMIT = 4 << 20
_DRIP_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One edit that was asked for; `at` is Unix seconds, when the whole request was there."""

    at: float
    byte_count: int
    headers: Mapping[str, str] = field(repr=False)
    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, tuple[str | None, int]] = field(default_factory=dict)  # name: media type, bytes


class _BrokenOff(Exception):  # noqa: N818 - no error: the script wanted it
    """The connection is not to be used any more."""


class ImagesServer:
    """The server, on a loopback port of its own."""

    def __init__(self, *, port: int = 0, always: Reply = REPLIES["picture"]) -> None:
        self._listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self._script: deque[Reply] = deque()
        self._always = always
        self._ids = itertools.count(1)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True)
        self._stopping = asyncio.Event()
        self._released = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        self.calls: list[Call] = []
        self.in_flight = 0
        self.most_in_flight = 0

    def script(self, *replies: str | Reply, always: str | Reply | None = None) -> None:
        """Answer the next calls so, one after the other; then as before, or `always` in that way."""
        self._script.extend(map(reply_of, replies))
        if always is not None:
            self._always = reply_of(always)

    def release(self) -> None:
        """Answer all calls that hang now with pictures."""
        assert self._loop is not None
        released, self._released = self._released, asyncio.Event()
        self._loop.call_soon_threadsafe(released.set)

    def forget(self) -> None:
        """Forget the calls."""
        self.calls.clear()
        self.most_in_flight = self.in_flight

    def reset(self) -> None:
        """Forget the script, too, and answer with pictures."""
        self.forget()
        self._script.clear()
        self._always = REPLIES["picture"]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._loop is None:
            time.sleep(0.001)
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    async def serve(self) -> None:
        """Serve until told to stop."""
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._accept, sock=self._listener, limit=_STREAM_LIMIT)
        await self._stopping.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.ensure_future(self._converse(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                fields = (line.partition(":") for line in lines if line)
                headers = {name.lower(): value.strip() for name, _, value in fields}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                method, path, _ = start.split(" ", 2)
                await self._route(f"{method} {path}", headers, body, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, _BrokenOff):
            pass  # the client is done or dead, or the script ended it
        finally:
            writer.transport.abort()

    async def _route(self, route: str, headers: Mapping[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        match route.split("/"):
            case ["POST ", "v1", "images", "edits"]:
                await self._edit(headers, body, writer)
            case ["GET ", "v1", "models"]:
                _send(writer, 200, {"object": "list", "data": [_model(name) for name in MODELS]})
            case ["GET ", "v1", "models", name] if name in MODELS:
                _send(writer, 200, _model(name))
            case ["GET ", "v1", "models", _]:
                _send_reply(writer, REPLIES["model_not_found"])
            case ["POST ", "control", "script"]:
                asked = json.loads(body)
                self.script(*asked.get("replies", ()), always=asked.get("always"))
                _send(writer, 200, {})
            case ["GET ", "control", "calls"]:
                _send(writer, 200, self._report())
            case ["DELETE ", "control", "calls"]:
                self.forget()
                _send(writer, 200, {})
            case _:
                _send_reply(writer, refusal(404, None, "invalid_request_error", "Unknown request URL."))

    async def _edit(self, headers: Mapping[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        reply = self._script.popleft() if self._script else self._always
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if reply.ready_made_bytes is not None:
                self.calls.append(Call(at=time.time(), byte_count=len(body), headers=headers))
                body = b""  # a thousand calls may wait here
                await asyncio.sleep(reply.delay_seconds)
                _send_encoded(writer, 200, _ready_made(reply.ready_made_bytes), self._id())
                return
            await self._edit_by(reply, headers, body, writer)
        except RefusedFormError as refused:
            _send_reply(writer, refusal(refused.status, refused.code, refused.type, refused.message), self._id())
        finally:
            self.in_flight -= 1

    async def _edit_by(
        self, reply: Reply, headers: Mapping[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> None:
        parts = parse_form(headers.get("content-type", ""), body)
        released = self._released  # before anybody can see that there is a call to release
        self.calls.append(
            Call(
                at=time.time(),
                byte_count=len(body),
                headers=headers,
                fields={name: part.data.decode() for name, part in parts.items() if part.filename is None},
                files={name: (p.mime_type, len(p.data)) for name, p in parts.items() if p.filename is not None},
            )
        )
        if not headers.get("authorization", "").startswith("Bearer "):
            reply = REPLIES["unauthorized"]
        await asyncio.sleep(reply.delay_seconds)
        if reply.error is not None or reply.body is not None:
            _send_reply(writer, reply, self._id())
            return
        if reply.does == "hang":
            await released.wait()
        if reply.does == "cut":
            _reset(writer)
        answer = await asyncio.to_thread(_answer, check_form(parts))
        if reply.does not in {"answer", "hang"}:
            await _misbehave(reply.does, writer, answer)
        _send_encoded(writer, reply.status, answer, self._id(), reply.headers)

    def _id(self) -> str:
        return f"req_{next(self._ids):08d}"

    def _report(self) -> dict[str, Any]:
        return {
            "count": len(self.calls),
            "in_flight": self.in_flight,
            "most_in_flight": self.most_in_flight,
            "calls": [asdict(call) for call in self.calls],
        }


async def _misbehave(how: str, writer: asyncio.StreamWriter, answer: bytes) -> None:
    half = answer[: len(answer) // 2]
    match how:
        case "cut_midway":
            writer.write(_head(200, len(answer)) + half)
            await writer.drain()
        case "end_midway":
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + half)
            writer.write_eof()
            await writer.drain()
            await asyncio.sleep(1)  # the client reads what is there and closes
        case "drip":
            writer.write(_head(200, len(answer)))
            for number in range(len(answer)):
                writer.write(answer[number : number + 1])
                await writer.drain()
                await asyncio.sleep(_DRIP_SECONDS)
        case _:
            raise ValueError(f"a reply cannot {how!r}")
    raise _BrokenOff


def _reset(writer: asyncio.StreamWriter) -> None:
    """End with RST in place of FIN."""
    raw = writer.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise _BrokenOff


def _answer(form: EditForm) -> bytes:
    picture = base64.b64encode(edited(form)).decode()
    about = {"created": 1, "output_format": form.output_format, "usage": usage_of(form)}
    return json.dumps({**about, "data": [{"b64_json": picture}]}).encode()


@cache
def _ready_made(byte_count: int) -> bytes:
    side = max(1, round((byte_count / 3) ** 0.5))
    file = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(file, "PNG", compress_level=0)
    return json.dumps({"created": 1, "data": [{"b64_json": base64.b64encode(file.getvalue()).decode()}]}).encode()


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1, "owned_by": "openai"}


def _send(writer: asyncio.StreamWriter, status: int, answer: Mapping[str, Any]) -> None:
    _send_encoded(writer, status, json.dumps(answer).encode())


def _send_reply(writer: asyncio.StreamWriter, reply: Reply, request_id: str = "") -> None:
    text = json.dumps({"error": reply.error}) if reply.body is None else reply.body
    _send_encoded(writer, reply.status, text.encode(), request_id, reply.headers)


def _send_encoded(
    writer: asyncio.StreamWriter,
    status: int,
    body: bytes,
    request_id: str = "",
    headers: Mapping[str, str] | None = None,
) -> None:
    writer.write(_head(status, len(body), {"x-request-id": request_id} | dict(headers or {})))
    writer.write(body)


def _head(status: int, length: int, headers: Mapping[str, str] | None = None) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "content-type: application/json",
        f"content-length: {length}",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def main() -> None:
    """Run until killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--ready-made", type=int, metavar="BYTES", help="answer one picture of this size, cheaply")
    arguments = parser.parse_args()
    always = Reply(delay_seconds=arguments.delay, ready_made_bytes=arguments.ready_made)
    server = ImagesServer(port=arguments.port, always=always)
    print(server.url, flush=True)
    asyncio.run(server.serve())


if __name__ == "__main__":
    main()
