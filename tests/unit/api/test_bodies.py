"""Reading bodies, over real connections to a real server: too large, too slow, too many, not JSON, cut off."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from http.client import HTTPConnection

import pytest
import uvicorn

from service.api.app import create_app
from service.api.options import ApiOptions
from service.ports.ledger import Accepted
from service.usecases.submissions import InlineSource, Submission
from tests.threads import held_threads
from tests.unit.api.test_tools import BASE64, ENCODED
from tests.unit.api.world import World

SMALL = ApiOptions(max_image_bytes=30_000)
BODY = json.dumps({"prompt": "invert", "image_base64": ENCODED}).encode()


@asynccontextmanager
async def serving(world: World, options: ApiOptions = SMALL, **changed: object) -> AsyncIterator[int]:
    """Serve with uvicorn; gives the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = create_app(world.services(**changed), options)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", access_log=False))
    running = asyncio.create_task(server._serve([listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await running


def head(*lines: str, path: str = BASE64, content_type: str = "application/json") -> bytes:
    """The head of a request; `lines` say how long the body is."""
    first = [f"POST {path} HTTP/1.1", "Host: test", "callbackUrl: https://agent.example/1"]
    return "\r\n".join([*first, f"Content-Type: {content_type}", *lines, "", ""]).encode()


async def exchange(port: int, *parts: bytes) -> tuple[int, dict]:
    """Send raw bytes, read one answer: status and document."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await answer(reader)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict]:
    start = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(": ", 1) for line in start.decode().split("\r\n")[1:] if line)
    document = json.loads(await reader.readexactly(int(fields["content-length"])))
    return int(start.split()[1]), document


async def post(port: int, body: bytes, *lines: str, **changed: str) -> tuple[int, dict]:
    return await exchange(port, head(f"Content-Length: {len(body)}", *lines, **changed), body)


async def test_declared_length_is_refused_before_a_byte_is_read(world: World) -> None:
    async with serving(world) as port:
        status, document = await exchange(port, head(f"Content-Length: {10**12}"))
    assert (status, document["code"]) == (413, "request_too_large")


async def test_chunked_body_is_cut_at_the_cap(world: World) -> None:
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    async with serving(world) as port:
        status, document = await exchange(port, head("Transfer-Encoding: chunked"), *[chunk] * 40)
    assert SMALL.max_body_bytes < 40 * 0x8000
    assert (status, document["code"]) == (413, "request_too_large")


async def test_chunked_body_within_the_cap_is_accepted(world: World) -> None:
    half = len(BODY) // 2
    chunks = [b"%x\r\n%b\r\n" % (len(part), part) for part in (BODY[:half], BODY[half:])]
    async with serving(world) as port:
        status, _ = await exchange(port, head("Transfer-Encoding: chunked"), *chunks, b"0\r\n\r\n")
    assert status == 202


@pytest.mark.parametrize(
    ("content_type", "lines", "status"),
    [
        ("application/json; charset=utf-8", (), 202),
        ("APPLICATION/JSON", (), 202),
        ("application/json", ("Content-Encoding: identity",), 202),
        ("application/json", ("Content-Encoding: gzip",), 415),
        ("text/plain", (), 415),
        ("multipart/form-data; boundary=x", (), 415),
        ("", (), 415),
    ],
)
async def test_media_type(world: World, content_type: str, lines: tuple[str, ...], status: int) -> None:
    async with serving(world) as port:
        answered, document = await post(port, BODY, *lines, content_type=content_type)
    assert answered == status
    assert status == 202 or document["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"prompt": "a"} trailing',
        b'{"prompt": "\xff\xfe"}',
        b'{"prompt": "\\ud800"}',
        b"9" * 5_000,
        b"[" * 40_000,
        b'{"prompt":' * 40_000,
        b'{"metadata": [' + b"1," * 60_000 + b"1]}",
    ],
)
async def test_broken_json(world: World, raw: bytes) -> None:
    async with serving(world) as port:
        status, document = await post(port, raw)
    assert (status, document["code"]) == (400, "invalid_json")
    assert not world.submissions


@pytest.mark.parametrize("raw", [b"null", b"[]", b'"text"', b"7", b"1e999999", b"{}"])
async def test_json_of_another_kind(world: World, raw: bytes) -> None:
    async with serving(world) as port:
        status, document = await post(port, raw)
    assert (status, document["code"]) == (422, "invalid_request")


async def test_slow_caller_is_given_up(world: World) -> None:
    async with serving(world, ApiOptions(max_image_bytes=30_000, upload_seconds=0.3)) as port:
        status, document = await exchange(port, head("Content-Length: 100"), b'{"prompt"')
    assert (status, document["code"], document["retryable"]) == (408, "request_timeout", True)


async def test_caller_who_leaves_keeps_nothing_reserved(world: World) -> None:
    options = ApiOptions(max_image_bytes=30_000, uploads_total_bytes=500, upload_wait_seconds=10)
    async with serving(world, options) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head("Content-Length: 500") + b"{")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        status, _ = await post(port, BODY)
    assert status == 202
    assert len(world.submissions) == 1


@pytest.fixture
def held(world: World) -> tuple[asyncio.Event, asyncio.Event, Callable[[Submission], Awaitable[Accepted]]]:
    """An acceptance that says when it has begun and waits to be let go."""
    begun, let_go = asyncio.Event(), asyncio.Event()
    accept = world.services().accept

    async def wait(submission: Submission) -> Accepted:
        begun.set()
        await let_go.wait()
        return await accept(submission)

    return begun, let_go, wait


async def test_uploads_wait_for_room(world: World, held: tuple) -> None:
    begun, let_go, accept = held
    options = ApiOptions(max_image_bytes=30_000, uploads_total_bytes=len(BODY) + 10, upload_wait_seconds=30)
    async with serving(world, options, accept=accept) as port:
        first = asyncio.create_task(post(port, BODY))
        await begun.wait()
        second = asyncio.create_task(post(port, BODY))
        await asyncio.sleep(0.1)
        assert not second.done()
        let_go.set()
        assert [(await first)[0], (await second)[0]] == [202, 202]


async def test_uploads_do_not_wait_for_ever(world: World, held: tuple) -> None:
    begun, let_go, accept = held
    options = ApiOptions(max_image_bytes=30_000, uploads_total_bytes=len(BODY) + 10, upload_wait_seconds=0.1)
    async with serving(world, options, accept=accept) as port:
        first = asyncio.create_task(post(port, BODY))
        await begun.wait()
        status, document = await post(port, BODY)
        let_go.set()
        assert (status, document["code"], document["retryable"]) == (503, "temporarily_unavailable", True)
        assert (await first)[0] == 202


def send(port: int, body: bytes) -> tuple[int, dict]:
    """Post a body; blocks, so that a thread of its own can do it."""
    headers = {"Content-Type": "application/json", "callbackUrl": "https://agent.example/1", "Idempotency-Key": "k"}
    connection = HTTPConnection("127.0.0.1", port)
    try:
        connection.request("POST", BASE64, body, headers)
        answered = connection.getresponse()
        return answered.status, json.loads(answered.read())
    finally:
        connection.close()


async def beside_the_loop(world: World, body: bytes) -> tuple[int, dict]:
    """What answers a body that waits for a thread while another, small one is accepted."""
    async with serving(world, ApiOptions()) as port:
        async with held_threads() as threads:
            large = asyncio.create_task(asyncio.to_thread(send, port, body))
            await threads.wanted(large)
            assert (await post(port, BODY))[0] == 202
            assert not large.done()
        return await large


async def test_the_largest_picture_is_parsed_beside_the_event_loop(world: World) -> None:
    picture = os.urandom(25 * 2**20)
    body = json.dumps({"prompt": "invert", "image_base64": base64.b64encode(picture).decode()}).encode()
    assert (await beside_the_loop(world, body))[0] == 202
    assert world.submissions[1].source == InlineSource(picture)


@pytest.mark.parametrize(
    ("make", "status", "detail"),
    [
        (
            lambda: b'{"metadata": {' + b",".join(b'"%d":1' % number for number in range(2_000_000)) + b"}}",
            400,
            "more than 10000 commas",  # so they were never parsed: that would hold up all threads
        ),
        (lambda: b'{"prompt": "' + b"\\u0041" * 5_000_000 + b'"}', 422, "not valid: see /prompt, /image_base64"),
    ],
    ids=["values", "escapes"],
)
async def test_large_hostile_json_is_parsed_beside_the_event_loop_if_at_all(
    world: World, make: Callable[[], bytes], status: int, detail: str
) -> None:
    answered, document = await beside_the_loop(world, make())
    assert answered == status
    assert document["detail"].endswith(detail)


async def test_of_a_body_that_is_all_mistakes_none_is_listed(world: World) -> None:
    """To list thousands of them would hold up all threads; that they are counted takes no list."""
    body = b"{" + b",".join(b'"%d":1' % number for number in range(9_900)) + b"}"
    async with serving(world, ApiOptions()) as port:
        status, document = await post(port, body)
    assert status == 422
    assert [(error["code"], error["detail"]) for error in document["errors"]] == [
        ("too_many_mistakes", "9902 mistakes")
    ]
