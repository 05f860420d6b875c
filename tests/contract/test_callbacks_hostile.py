"""Whatever a receiver does, an attempt ends in time, in bounded memory, with a receipt that says what happened."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field

import psutil
import pytest

from service.ports.callbacks import Receipt
from tests.contract.test_callbacks import message, sending
from tests.effort import watched_turns
from tests.servers import sockets
from tests.servers.names import Names
from tests.servers.sockets import OK, Authorities, Behaviour, Socket, listening

LIMIT_SECONDS = 2  # for those who would take for ever
PATIENT_SECONDS = 60
HEAD = b"HTTP/1.1 200 OK\r\n"


@dataclass(slots=True)
class Memory:
    """How much of it was taken."""

    _before: int = field(default_factory=lambda: psutil.Process().memory_info().rss)

    @property
    def grown_bytes(self) -> int:
        return psutil.Process().memory_info().rss - self._before


async def attempt(
    behaviour: Behaviour, body: bytes = b"{}", *, timeout_seconds: float = PATIENT_SECONDS
) -> tuple[Receipt, Socket]:
    """One attempt, which must end and leave the sender able to make another."""
    async with listening(behaviour) as peer, sending("127.0.0.0/8", timeout_seconds=timeout_seconds) as sender:
        receipt = await sender.send(message(peer.url(), body))
        assert not sender.busy(peer.url())
        async with listening(sockets.answering(OK)) as good:
            assert (await sender.send(message(good.url()))).status == 200
        return receipt, peer


@pytest.mark.parametrize(
    ("behaviour", "codes"),
    [
        pytest.param(sockets.resetting_before_the_body, {"connection_reset"}, id="reset before the body"),
        pytest.param(sockets.resetting_after_the_body, {"connection_reset"}, id="reset after the body"),
        pytest.param(sockets.closing, {"connection_closed"}, id="close without an answer"),
        pytest.param(sockets.answering_once(HEAD), {"connection_closed"}, id="close in the headers"),
        pytest.param(sockets.hanging, {"timeout"}, id="hang before headers"),
        pytest.param(sockets.dripping(HEAD + b"X-Slow: ", b"a"), {"timeout"}, id="headers byte by byte"),
        pytest.param(sockets.dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), {"timeout"}, id="endless 1xx, slowly"),
        pytest.param(
            sockets.flooding(b"", b"HTTP/1.1 100 \r\n\r\n" * 4000, times=10_000),
            {"headers_too_large"},
            id="endless 1xx, fast",
        ),
        pytest.param(
            sockets.flooding(HEAD, b"X-Filler: " + b"a" * 1000 + b"\r\n", times=1000),
            {"headers_too_large"},
            id="1 MB of headers",
        ),
        pytest.param(
            sockets.flooding(HEAD + b"X-Filler: ", b"a" * 65536, times=16),
            {"headers_too_large"},
            id="1 MB in one header",
        ),
        pytest.param(sockets.answering_once(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), {"protocol_error"}, id="not HTTP"),
        pytest.param(sockets.answering_once(bytes(range(256)) * 4), {"protocol_error"}, id="noise"),
        pytest.param(sockets.answering_once(b"\x15\x03\x03\x00\x02\x02\x28"), {"protocol_error"}, id="TLS to http"),
        pytest.param(sockets.answering_once(b"HTTP/1.1 000 x\r\n\r\n"), {"protocol_error"}, id="status 000"),
        pytest.param(sockets.answering_once(b"HTTP/1.1 20000 x\r\n\r\n"), {"protocol_error"}, id="status 20000"),
        pytest.param(
            sockets.answering_once(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
            {"protocol_error"},
            id="an upgrade nobody asked for",
        ),
        pytest.param(
            sockets.answering_once(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
            {"protocol_error"},
            id="two lengths",
        ),
        pytest.param(
            sockets.answering_once(HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n"),
            {"protocol_error"},
            id="a length of 5000 digits",
        ),
        pytest.param(sockets.answering_once(HEAD + b"Bad Name: x\r\n\r\n"), {"protocol_error"}, id="bad header name"),
    ],
)
async def test_no_answer(behaviour: Behaviour, codes: set[str]) -> None:
    timeout_seconds = LIMIT_SECONDS if "timeout" in codes else PATIENT_SECONDS
    receipt, peer = await attempt(behaviour, timeout_seconds=timeout_seconds)
    assert receipt.status is None
    assert receipt.error_code in codes
    assert peer.connections == 1


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(sockets.dripping(HEAD + b"Content-Length: 99999\r\n\r\n", b"a"), id="body"),
        pytest.param(sockets.dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"), id="chunks"),
    ],
)
async def test_a_status_is_an_answer_whose_body_drips_for_ever(behaviour: Behaviour) -> None:
    receipt, _ = await attempt(behaviour, timeout_seconds=LIMIT_SECONDS)
    assert (receipt.status, receipt.error_code) == (200, None)
    assert (receipt.response_excerpt or "").startswith("a")


@pytest.mark.parametrize(
    ("behaviour", "excerpt"),
    [
        pytest.param(sockets.answering_once(HEAD + b"Content-Length: 10\r\n\r\nhalf"), "half", id="close in the body"),
        pytest.param(
            sockets.answering_once(HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nZZ\r\n"),
            "half",
            id="bad chunk",
        ),
        pytest.param(sockets.answering_once(HEAD + b"\r\nuntil the end"), "until the end", id="no length"),
        pytest.param(sockets.answering(b"HTTP/1.1 102 Processing\r\n\r\n" * 3 + OK), "ok", id="a few 1xx"),
    ],
)
async def test_a_status_is_an_answer_however_its_body_ends(behaviour: Behaviour, excerpt: str) -> None:
    receipt, _ = await attempt(behaviour)
    assert (receipt.status, receipt.error_code) == (200, None)
    assert receipt.response_excerpt is not None
    assert receipt.response_excerpt.startswith(excerpt)


async def test_a_gigabyte_is_not_read() -> None:
    head = HEAD + b"Content-Length: 1073741824\r\n\r\n"
    memory = Memory()
    receipt, peer = await attempt(sockets.flooding(head, b"x" * 65536, times=16_384))
    assert receipt.status == 200
    assert receipt.response_excerpt == "x" * 4096
    assert peer.sent_bytes < 64 * 1024 * 1024  # what fits into the buffers of two sockets
    assert memory.grown_bytes < 100 * 1024 * 1024


async def test_a_gzip_bomb_stays_packed() -> None:
    memory = Memory()
    receipt, _ = await attempt(sockets.answering(sockets.gzip_bomb(200 * 1024 * 1024)))
    assert receipt.status == 200
    assert len((receipt.response_excerpt or "").encode()) <= 4096
    assert memory.grown_bytes < 100 * 1024 * 1024


@pytest.mark.timeout(600)  # counting takes longer than what is counted
@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(sockets.flooding(b"", b"HTTP/1.1 100 \r\n\r\n" * 4000, times=10_000), id="1xx"),
        pytest.param(
            sockets.flooding(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 10_000, times=1000),
            id="one-byte chunks",
        ),
        pytest.param(sockets.flooding(HEAD, b"a:b\r\n" * 10_000, times=100), id="short headers"),
    ],
)
async def test_no_flood_holds_up_the_event_loop(behaviour: Behaviour) -> None:
    """Whatever comes at once, others have their turn before much of it is read."""
    async with watched_turns() as turns:
        await attempt(behaviour)
    assert turns.most_lines < 150_000


async def test_a_peer_that_answers_before_it_has_the_body() -> None:
    async def hasty(peer: sockets.Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        while await peer.reader.read(65536):
            pass

    receipt, _ = await attempt(hasty, b"x" * 1_000_000)
    assert receipt.status == 413


async def test_a_peer_that_resets_in_the_middle_of_the_body() -> None:
    receipt, _ = await attempt(sockets.resetting_before_the_body, b"x" * 50_000_000)
    assert (receipt.status, receipt.error_code) == (None, "connection_reset")


async def test_a_peer_that_falls_out_of_tls() -> None:
    async def forgetful(peer: sockets.Peer) -> None:
        await peer.request()
        os.write(peer.writer.get_extra_info("socket").fileno(), OK)
        await asyncio.sleep(1)

    authorities = Authorities()
    async with (
        listening(forgetful, tls=authorities.servers()["good"]) as peer,
        sending("127.0.0.0/8", tls=authorities.client()) as sender,
    ):
        receipt = await sender.send(message(peer.url("https")))
        assert (receipt.status, receipt.error_code) == (None, "tls_error")


async def test_a_peer_that_never_reads_the_body() -> None:
    async def deaf(peer: sockets.Peer) -> None:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    receipt, _ = await attempt(deaf, b"x" * 50_000_000, timeout_seconds=LIMIT_SECONDS)
    assert receipt.error_code == "timeout"


async def test_refused_unknown_and_slow_names() -> None:
    async with listening(sockets.hanging) as gone:
        port = gone.port
    async with sending("127.0.0.0/8") as sender:
        assert (await sender.send(message(f"http://127.0.0.1:{port}/"))).error_code == "connect_refused"
        assert (await sender.send(message("http://nowhere.example/"))).error_code == "dns_failure"
    async with sending(names=Names(60.0)) as sender:
        receipt = await sender.send(message("http://slow.example/"))
        assert receipt.error_code == "dns_timeout"
        assert receipt.dns_ms is not None
        assert receipt.connect_ms is None


@pytest.mark.parametrize("certificate", ["expired", "self_signed", "wrong_name"])
async def test_a_certificate_that_proves_nothing(certificate: str) -> None:
    authorities = Authorities()
    async with (
        listening(sockets.answering(OK), tls=authorities.servers()[certificate]) as peer,
        sending("127.0.0.0/8", tls=authorities.client()) as sender,
    ):
        receipt = await sender.send(message(peer.url("https")))
        assert (receipt.status, receipt.error_code) == (None, "tls_error")
        assert receipt.tls_ms is not None
        assert peer.requests == []


async def test_a_certificate_that_does() -> None:
    authorities = Authorities()
    async with (
        listening(sockets.answering(OK), tls=authorities.servers()["good"]) as peer,
        sending("127.0.0.0/8", tls=authorities.client()) as sender,
    ):
        receipt = await sender.send(message(peer.url("https")))
        assert (receipt.status, receipt.error_code) == (200, None)
        assert receipt.tls_ms is not None


@pytest.mark.parametrize("behaviour", [sockets.answering(OK), sockets.closing], ids=["plain HTTP", "close"])
async def test_https_to_what_does_not_speak_it(behaviour: Behaviour) -> None:
    async with listening(behaviour) as peer, sending("127.0.0.0/8") as sender:
        receipt = await sender.send(message(peer.url("https")))
        assert (receipt.status, receipt.error_code) == (None, "tls_error") or receipt.error_code == "connect_timeout"
