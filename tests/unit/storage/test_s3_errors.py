from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from service.domain.objects import ObjectRef
from service.ports.storage import StorageError
from service.storage.s3 import S3Storage
from tests.contract.storage_suite import PNG
from tests.servers.s3 import Fault, S3Server
from tests.servers.s3_targets import target_of

REF = ObjectRef("pictures-out", "a.png")


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[S3Server, S3Storage]]:
    with S3Server(buckets=["pictures-in", "pictures-out"]) as server:
        storage = S3Storage(target_of(server))
        yield server, storage
        asyncio.run(storage.close())


@pytest.fixture
def server(running: tuple[S3Server, S3Storage]) -> S3Server:
    running[0].reset()
    return running[0]


@pytest.fixture
def storage(running: tuple[S3Server, S3Storage]) -> S3Storage:
    return running[1]


async def failure_of(storage: S3Storage) -> tuple[str, bool]:
    with pytest.raises(StorageError) as raised:
        await storage.get(REF, max_bytes=100)
    assert "test-secret-key" not in str(raised.value)
    assert "test-key-id" not in str(raised.value)
    return raised.value.code, raised.value.transient


async def hung(server: S3Server) -> None:
    """Wait until the store has a request that it does not answer."""
    async with asyncio.timeout(30):
        while not server.waiting:
            await asyncio.sleep(0.005)


async def test_blip_is_not_noticed(storage: S3Storage, server: S3Server) -> None:
    server.faults.append(Fault())
    assert await storage.put(REF, PNG, mime_type="image/png")


@pytest.mark.parametrize(
    ("status", "code", "transient"),
    [
        ("503 Service Unavailable", "SlowDown", True),
        ("403 Forbidden", "AccessDenied", False),
        ("403 Forbidden", "InvalidAccessKeyId", False),
        ("404 Not Found", "NoSuchBucket", False),
        ("409 Conflict", "OperationAborted", True),
        ("501 Not Implemented", "NotImplemented", False),
    ],
)
async def test_answers(storage: S3Storage, server: S3Server, status: str, code: str, transient: bool) -> None:
    server.faults.extend([Fault(status, code)] * 3)
    assert await failure_of(storage) == (code, transient)


async def test_answer_without_a_body(storage: S3Storage, server: S3Server) -> None:
    server.faults.append(Fault("403 Forbidden", "AccessDenied"))
    with pytest.raises(StorageError, match="403 AccessDenied to HeadObject"):
        await storage.head(REF)


async def test_wrong_secret(server: S3Server) -> None:
    storage = S3Storage(target_of(server, secret_key="wrong"))
    assert await failure_of(storage) == ("SignatureDoesNotMatch", False)
    await storage.close()


async def test_missing_bucket_is_found_by_a_ping(server: S3Server) -> None:
    storage = S3Storage(replace(target_of(server), input_bucket="missing"))
    with pytest.raises(StorageError, match="404 NotFound to HeadBucket"):
        await storage.ping()
    await storage.close()


async def test_conflict_of_two_writers(storage: S3Storage, server: S3Server) -> None:
    conflict = Fault("409 Conflict", "ConditionalRequestConflict")
    server.faults.append(conflict)
    with pytest.raises(StorageError) as raised:
        await storage.put(REF, PNG, mime_type="image/png")
    assert raised.value.transient

    await storage.put(REF, PNG, mime_type="image/png")
    server.faults.append(conflict)
    assert not await storage.put(REF, PNG, mime_type="image/png")


async def test_refusal_that_is_not_about_the_condition(storage: S3Storage, server: S3Server) -> None:
    refused = Fault("400 Bad Request", "InvalidArgument")
    server.faults.extend([refused, Fault("404 Not Found", "NoSuchKey"), refused])
    with pytest.raises(StorageError, match="400 InvalidArgument to PutObject"):
        await storage.put(REF, PNG, mime_type="image/png")
    assert await storage.put(REF, PNG, mime_type="image/png")
    assert [method for method, _ in server.requests] == ["PUT", "HEAD", "PUT", "PUT"]


async def test_silence(server: S3Server) -> None:
    storage = S3Storage(target_of(server), read_timeout_seconds=0.3)
    server.holding = re.compile("GET")
    assert await failure_of(storage) == ("timeout", True)
    server.holding = None
    await storage.close()


async def test_event_loop_goes_on(storage: S3Storage, server: S3Server) -> None:
    server.holding = re.compile("HEAD")
    getting = asyncio.create_task(storage.head(REF))
    await hung(server)
    assert not getting.done()
    server.holding = None
    await getting


async def test_links_do_not_wait_for_a_store_that_hangs(server: S3Server) -> None:
    storage = S3Storage(target_of(server), threads=1)
    await storage.head(REF)
    server.holding = re.compile("HEAD")
    hanging = asyncio.create_task(storage.head(REF))
    await hung(server)
    await storage.link(REF, expires_in_seconds=60, filename="x.png")
    assert not hanging.done()
    server.holding = None
    await hanging
    await storage.close()


async def test_nobody_there(server: S3Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    storage = S3Storage(replace(target_of(server), endpoint=f"http://127.0.0.1:{port}"))
    assert await failure_of(storage) == ("unreachable", True)
    await storage.close()


async def test_no_tls_there(server: S3Server) -> None:
    storage = S3Storage(replace(target_of(server), endpoint=server.url.replace("http:", "https:")))
    assert await failure_of(storage) == ("unreachable", True)
    await storage.close()


async def test_no_url(server: S3Server) -> None:
    storage = S3Storage(replace(target_of(server), endpoint="nowhere"))
    assert await failure_of(storage) == ("misconfigured", False)
    await storage.close()


async def test_metadata_that_fits_no_header(storage: S3Storage) -> None:
    with pytest.raises(StorageError) as raised:
        await storage.put(REF, PNG, mime_type="image/png", metadata={"n": "ü"})
    assert raised.value.code == "misconfigured"


@pytest.mark.parametrize(
    ("answer", "code", "transient"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n" + PNG, "unreachable", True),  # breaks off
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "misconfigured", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nLast-Modified: yesterday\r\n\r\n", "misconfigured", False),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>", "502", True),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "unreachable", True),
    ],
)
async def test_answers_that_no_store_gives(server: S3Server, answer: bytes, code: str, transient: bool) -> None:
    async def give(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(give, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        storage = S3Storage(replace(target_of(server), endpoint=f"http://127.0.0.1:{port}"))
        assert await failure_of(storage) == (code, transient)
        await storage.close()
