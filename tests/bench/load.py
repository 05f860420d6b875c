"""The load: ready-made requests over raw connections, and a receiver that notes when callbacks arrive."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Self

from tests.patience import PATIENCE_SECONDS
from tests.servers.plain_http import Answer, Connection, Request, Server, encode_request


class Receiver:
    """Takes callbacks; each job has a path of its own, so that no body needs to be understood."""

    def __init__(self) -> None:
        self._server = Server(self._handle)
        self.arrived_at: dict[str, float] = {}  # path to `time.perf_counter`
        self._waiting: dict[str, asyncio.Future[None]] = {}

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    def url(self, name: str) -> str:
        return f"{self._server.url}/{name}"

    async def arrival(self, name: str, *, timeout_seconds: float = PATIENCE_SECONDS) -> float:
        """Wait for the first callback of that name; when it had arrived whole."""
        path = f"/{name}"
        if path not in self.arrived_at:
            waiter = self._waiting.setdefault(path, asyncio.get_running_loop().create_future())
            async with asyncio.timeout(timeout_seconds):  # wait_for of Python 3.11 may swallow a cancellation
                await waiter
        return self.arrived_at[path]

    async def _handle(self, request: Request) -> Answer:
        self.arrived_at.setdefault(request.path, time.perf_counter())
        if (waiter := self._waiting.pop(request.path, None)) is not None and not waiter.done():
            waiter.set_result(None)
        return Answer()


class Jobs:
    """Requests for jobs on one picture; the large part of their bodies is built once."""

    def __init__(self, picture: bytes) -> None:
        body = {"prompt": "invert", "filename": "picture.jpg", "image_base64": base64.b64encode(picture).decode()}
        self._body = json.dumps(body).encode()

    def request(self, callback_url: str) -> bytes:
        return encode_request("POST", "/process-image-async", {"callbackUrl": callback_url}, self._body)


def batch_request(callback_url: str, *, concurrency: int) -> bytes:
    """A request for a batch over the whole input bucket."""
    body = json.dumps({"prompt": "invert", "concurrency": concurrency}).encode()
    return encode_request("POST", "/batch-process-images", {"callbackUrl": callback_url}, body)


async def post(connection: Connection, request: bytes) -> str:
    """Post one job; its id."""
    status, _, body = await connection.send(request)
    assert status == HTTPStatus.ACCEPTED, f"{status} {body[:500]!r}"
    answer: Mapping[str, str] = json.loads(body)
    return answer["job_id"]


async def post_all(url: str, requests: list[bytes], *, clients: int) -> float:
    """Post all requests over so many connections at a time; the seconds from the first byte to the last 202."""
    waiting = iter(requests)

    async def client() -> None:
        connection = Connection(url)
        for request in waiting:
            await post(connection, request)
        connection.close()

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return time.perf_counter() - started
