from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from service.net.fetch import GuardedFetcher
from service.ports.fetching import FetchError, ForbiddenURLError
from tests.servers.names import Names
from tests.servers.sockets import (
    Behaviour,
    answering,
    answering_once,
    dripping,
    hanging,
    listening,
    resetting_after_the_body,
)
from tests.unit.net.exchanging import LOOPBACK, opened

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PICTURE = bytes(range(256)) * 40


class Noon:
    def now(self) -> datetime:
        return NOW


@asynccontextmanager
async def fetching(*networks: str, names: Names | None = None, **options: Any) -> AsyncIterator[GuardedFetcher]:
    async with opened(*networks, names=names) as client:
        fetcher = GuardedFetcher(client=client, user_agent="Afterimage/1", clock=Noon(), **options)
        yield fetcher
        await fetcher.close()


def said(status: int, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def failure(behaviour: Behaviour, **options: Any) -> FetchError:
    async with listening(behaviour) as peer, fetching(*LOOPBACK, **options) as fetcher:
        with pytest.raises(FetchError) as failed:
            await fetcher.fetch(peer.url(), max_bytes=100_000)
        assert peer.url() not in str(failed.value)
        return failed.value


async def test_the_bytes_as_they_are() -> None:
    async with listening(answering(said(200, PICTURE))) as peer, fetching(*LOOPBACK) as fetcher:
        assert await fetcher.fetch(peer.url(), max_bytes=len(PICTURE)) == PICTURE
        head = peer.requests[0].lower()
        for line in (b"user-agent: afterimage/1", b"accept-encoding: identity", b"accept: image/*"):
            assert line in head


async def test_a_body_that_ends_with_its_connection() -> None:
    async with listening(answering_once(b"HTTP/1.0 200 OK\r\n\r\n" + PICTURE)) as peer, fetching(*LOOPBACK) as fetcher:
        assert await fetcher.fetch(peer.url(), max_bytes=len(PICTURE)) == PICTURE


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(status: int) -> None:
    async with listening(answering(said(200, PICTURE))) as there:
        moved = said(status, b"moved", Location=f"http://127.0.0.1:{there.port}/a?b#c")
        async with listening(answering(moved)) as here, fetching(*LOOPBACK) as fetcher:
            assert await fetcher.fetch(here.url(), max_bytes=100_000) == PICTURE
            assert there.requests[0].startswith(b"GET /a?b HTTP/1.1")


async def test_a_relative_redirect_stays_at_its_host() -> None:
    async with listening(answering(said(302, Location="../next"))) as peer, fetching(*LOOPBACK) as fetcher:
        with pytest.raises(FetchError) as failed:
            await fetcher.fetch(peer.url(), max_bytes=100)
        assert (failed.value.code, failed.value.transient) == ("image_url_redirects", False)
        assert [request.split(b" ")[1] for request in peer.requests] == [b"/hook", b"/next", b"/next", b"/next"]


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1:{port}/", "http://localhost/", "file:///etc/passwd", "http://[", "ftp://a.example/", "//u@a/"],
)
async def test_every_step_passes_the_guard(location: str) -> None:
    names = Names(pictures_example=[["127.0.0.2"]])
    async with listening(answering(said(200, b"inside"))) as inside:
        moved = said(302, Location=location.format(port=inside.port))
        async with listening(answering(moved), host="127.0.0.2") as outside:
            async with fetching("127.0.0.2/32", names=names) as fetcher:
                with pytest.raises(ForbiddenURLError):
                    await fetcher.fetch(outside.url(host="pictures.example"), max_bytes=100)
            assert (outside.connections, inside.connections) == (1, 0)


async def test_a_redirect_to_a_name_that_leads_inside() -> None:
    names = Names(pictures_example=[["127.0.0.2"]], inside_example=[["127.0.0.1"]])
    async with listening(answering(said(200, b"inside"))) as inside:
        moved = said(302, Location=inside.url(host="inside.example"))
        async with listening(answering(moved), host="127.0.0.2") as outside:
            async with fetching("127.0.0.2/32", names=names) as fetcher:
                with pytest.raises(ForbiddenURLError):
                    await fetcher.fetch(outside.url(host="pictures.example"), max_bytes=100)
            assert inside.connections == 0


async def test_checking_asks_no_resolver() -> None:
    names = Names()
    async with fetching(names=names) as fetcher:
        fetcher.check("https://pictures.example/a.png")
        with pytest.raises(ForbiddenURLError):
            fetcher.check("http://169.254.169.254/latest/meta-data/")
        assert names.asked == []


@pytest.mark.parametrize(
    ("status", "transient"),
    [(304, False), (302, False), (400, False), (403, False), (404, False), (410, False), (408, True), (429, True),
     (500, True), (502, True), (503, True), (504, True)],
)  # fmt: skip
async def test_any_other_status_is_a_failure(status: int, transient: bool) -> None:
    error = await failure(answering(said(status, b"nothing here")))
    assert (error.code, error.transient) == ("image_url_status", transient)
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7), ("Sat, 21 Nov 2026 12:00:09 GMT", 9), ("-1", None), ("soon", None)]
)
async def test_retry_after_is_passed_on(value: str, seconds: float | None) -> None:
    error = await failure(answering(said(503, **{"Retry-After": value})))
    assert error.retry_after_seconds == seconds


async def test_too_large() -> None:
    error = await failure(answering(said(200, b"x" * 100_001)))
    assert (error.code, error.transient) == ("image_url_too_large", False)


async def test_an_answer_that_never_comes() -> None:
    error = await failure(hanging, timeout_seconds=0.1)
    assert (error.code, error.transient) == ("image_url_timeout", True)


async def test_a_body_that_never_ends() -> None:
    behaviour = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"x")
    error = await failure(behaviour, timeout_seconds=0.2)
    assert (error.code, error.transient) == ("image_url_timeout", True)


async def test_redirects_share_one_limit() -> None:
    behaviour = dripping(b"HTTP/1.1 302 x\r\nLocation: /\r\nContent-Length: 99999\r\n\r\n", b"x")
    async with listening(behaviour) as peer, fetching(*LOOPBACK, timeout_seconds=1) as fetcher:
        with pytest.raises(FetchError) as failed:
            await fetcher.fetch(peer.url(), max_bytes=100_000)
    assert failed.value.code == "image_url_timeout"
    assert len(peer.requests) <= 1, "the first one used all of it up"


@pytest.mark.parametrize(
    ("behaviour", "transient"),
    [
        (resetting_after_the_body, True),
        (answering_once(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), True),
        (answering_once(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), False),
    ],
)
async def test_a_broken_answer_is_no_picture(behaviour: Behaviour, transient: bool) -> None:
    error = await failure(behaviour)
    assert (error.code, error.transient) == ("image_url_unreachable", transient)


async def test_a_name_that_does_not_exist() -> None:
    async with fetching() as fetcher:
        with pytest.raises(FetchError) as failed:
            await fetcher.fetch("https://nowhere.example/", max_bytes=100)
        assert (failed.value.code, failed.value.transient) == ("image_url_unreachable", True)
