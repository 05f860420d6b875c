"""The receiver behind ``afterimage listen``, driven in this process."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import httpx
from standardwebhooks.webhooks import Webhook

from service.cli.listener import Listener
from service.cli.pictures import Pictures

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


class Listening:
    """A listener on a free port, and what it printed."""

    def __init__(self, *, count: int | None, timeout_seconds: float | None = 30, **how) -> None:
        self.lines: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/hook"
        listener = Listener(secrets=(SECRET,), echo=self.lines.append, **{"pictures": None, **how})
        self.result = asyncio.create_task(listener.run(self._socket, count=count, timeout_seconds=timeout_seconds))

    async def post(self, body: bytes, message_id: str = "msg_1", secret: str = SECRET) -> int:
        now = datetime.now(tz=UTC)
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(message_id, now, body.decode()),
        }
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.post(self.url, content=body, headers=headers)).status_code


def payload(**fields: str) -> bytes:
    return json.dumps({"status": "completed", "job_id": "job_1", **fields}).encode()


async def test_it_ends_after_the_count_and_counts_a_message_once() -> None:
    listening = Listening(count=2)
    assert await listening.post(payload(), "msg_1") == 204
    assert await listening.post(payload(), "msg_1") == 204
    assert await listening.post(payload(), "msg_2") == 204
    assert await listening.result is True
    heads = [line.strip() for line in listening.lines if "signature valid" in line]
    assert [head.endswith(", came before") for head in heads] == [False, True, False]


async def test_what_is_refused_is_told_and_not_counted() -> None:
    listening = Listening(count=1, max_body_bytes=100)
    assert await listening.post(payload(), secret="whsec_" + base64.b64encode(b"x" * 32).decode()) == 401
    assert await listening.post(b"no json") == 400
    assert await listening.post(b"[]") == 400
    assert await listening.post(payload(filename="x" * 100)) == 413
    assert await listening.post(payload()) == 204
    assert await listening.result is True
    assert [line.split(":")[0] for line in listening.lines if line.startswith("rejected")] == [
        "rejected with 401",
        "rejected with 400",
        "rejected with 400",
        "rejected with 413",
    ]


async def test_pictures_are_saved_before_it_ends(tmp_path: Path) -> None:
    listening = Listening(count=1, pictures=Pictures(tmp_path))
    assert await listening.post(payload(result_image_base64="QUJD", result_mime_type="image/png")) == 204
    assert await listening.result is True
    assert (tmp_path / "job_1.png").read_bytes() == b"ABC"
    assert f"  picture   {tmp_path / 'job_1.png'}, 3 bytes" in listening.lines


async def test_the_time_may_be_over_first() -> None:
    assert await Listening(count=1, timeout_seconds=0.1).result is False
    assert await Listening(count=None, timeout_seconds=0.1).result is True
