"""A provider of the Images protocol that answers a ready-made picture after a fixed delay, whatever it is asked."""

from __future__ import annotations

import asyncio
import base64
import json
import re

import click
import uvloop

from tests.bench.pictures import photograph
from tests.servers.plain_http import Answer, Request, Server

_FORMAT = re.compile(rb'name="output_format"\r\n[^\0]{0,200}?\r\n(png|jpeg)\r\n')


class ReadyMadeProvider:
    """Answers in the format that was asked for, PNG by default as the vendor does."""

    def __init__(self, byte_count: int, delay_seconds: float) -> None:
        self._delay_seconds = delay_seconds
        self._answers = {kind: _answer(byte_count, kind) for kind in (b"png", b"jpeg")}

    async def handle(self, request: Request) -> Answer:
        if not request.path.endswith("/images/edits"):
            return Answer()
        wanted = _FORMAT.search(request.body)
        await asyncio.sleep(self._delay_seconds)
        return self._answers[wanted.group(1) if wanted else b"png"]


def _answer(byte_count: int, kind: bytes) -> Answer:
    side = 1024 if byte_count > 500_000 else 512
    data = photograph(byte_count, side=side, kind="PNG" if kind == b"png" else "JPEG")
    answer = {"created": 1, "data": [{"b64_json": base64.b64encode(data).decode()}], "output_format": kind.decode()}
    return Answer(body=json.dumps(answer).encode())


async def _serve(byte_count: int, delay_seconds: float) -> None:
    async with Server(ReadyMadeProvider(byte_count, delay_seconds).handle) as server:
        click.echo(server.url)
        await asyncio.Event().wait()


@click.command()
@click.option("--byte-count", type=int, default=1_000_000)
@click.option("--delay", "delay_seconds", type=float, default=0.0)
def main(byte_count: int, delay_seconds: float) -> None:
    """Serve until killed; the first line printed is the URL."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(byte_count, delay_seconds))


if __name__ == "__main__":
    main()
