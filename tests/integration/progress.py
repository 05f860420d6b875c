"""A client of the progress socket."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.integration.scene import Scene
from tests.patience import PATIENCE_SECONDS


def opened(at: Scene, job_id: str, **more: Any) -> connect:
    url = at.service.url.replace("http", "ws", 1)
    return connected(f"{url}/api/v1/ws/progress/{job_id}", **more)


def connected(url: str, **more: Any) -> connect:
    return connect(url, proxy=None, open_timeout=PATIENCE_SECONDS, **more)


async def messages(socket: ClientConnection) -> list[dict[str, Any]]:
    """All messages up to the close of the connection."""
    found = []
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                found.append(json.loads(await socket.recv()))
    except ConnectionClosed:
        return found


async def refusal(at: Scene, job_id: str, **more: Any) -> tuple[int, str]:
    """Status and code of the answer to a handshake that is refused."""
    with pytest.raises(InvalidStatus) as refused:
        await opened(at, job_id, **more)
    answer = refused.value.response
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status_code, json.loads(answer.body)["code"]
