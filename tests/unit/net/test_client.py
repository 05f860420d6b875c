from __future__ import annotations

import asyncio
import base64
import ssl

import pytest

from service.net.client import MAX_IDLE_CONNECTIONS
from service.net.proxies import Proxies
from service.ports.fetching import ForbiddenURLError
from service.ports.http import ExchangeFault
from tests.servers.names import Names
from tests.servers.sockets import OK, Authorities, Behaviour, Peer, answering, answering_once, hanging, listening
from tests.unit.net.exchanging import LOOPBACK, ask, fault, opened

# connections that are kept


async def test_a_connection_is_used_again() -> None:
    async with listening(answering(OK)) as peer, opened(*LOOPBACK) as client:
        first = await ask(client, peer.url())
        second = await ask(client, peer.url())
        assert peer.connections == 1
        assert first.timings.connect_ms is not None
        assert (second.timings.dns_ms, second.timings.connect_ms, second.timings.tls_ms) == (None, None, None)
        assert second.timings.first_byte_ms is not None


async def test_a_connection_that_its_server_closed_is_not() -> None:
    async with listening(answering_once(OK)) as peer, opened(*LOOPBACK) as client:
        for _ in range(3):
            assert (await ask(client, peer.url())).status == 200
            await asyncio.sleep(0.05)
        assert peer.connections == 3


async def test_connections_of_one_peer_are_no_use_for_another() -> None:
    async with listening(answering(OK)) as one, listening(answering(OK)) as other, opened(*LOOPBACK) as client:
        for _ in range(2):
            await ask(client, one.url())
            await ask(client, other.url())
        assert (one.connections, other.connections) == (1, 1)


async def test_a_broken_off_answer_ends_its_connection() -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000
    async with listening(answering(long)) as peer, opened(*LOOPBACK) as client:
        for _ in range(2):
            answer = await ask(client, peer.url(), max_body_bytes=100)
            assert (answer.body, answer.cut) == (b"x" * 100, ExchangeFault.BODY_TOO_LARGE)
        assert peer.connections == 2


async def test_only_so_many_connections_are_kept() -> None:
    release = asyncio.Event()

    async def together(peer: Peer) -> None:
        await peer.request()
        await release.wait()
        await peer.send(OK)
        await peer.reader.read()

    async with listening(together) as peer, opened(*LOOPBACK) as client:
        asking = [asyncio.create_task(ask(client, peer.url())) for _ in range(MAX_IDLE_CONNECTIONS + 5)]
        await peer.requested(len(asking))
        release.set()
        assert {answer.status for answer in await asyncio.gather(*asking)} == {200}
        assert len(client._idle) == MAX_IDLE_CONNECTIONS


async def test_giving_up_closes_the_connection() -> None:
    closed = asyncio.Event()

    async def watching(peer: Peer) -> None:
        await peer.request()
        await peer.reader.read()
        closed.set()

    async with listening(watching) as peer, opened(*LOOPBACK) as client:
        asking = asyncio.create_task(ask(client, peer.url()))
        await peer.requested(1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(closed.wait(), 30)


# what goes out, what comes in


async def test_a_large_body_arrives_whole() -> None:
    body = bytes(range(256)) * 4096
    async with listening(answering(OK)) as peer, opened(*LOOPBACK) as client:
        await ask(client, peer.url(), method="POST", body=body, headers={"X-One": "1"})
        head, _, received = peer.requests[0].partition(b"\r\n\r\n")
        assert received == body
        assert b"X-One: 1" in head
        assert head.count(b"Content-Length") == 1


async def test_an_empty_post_says_so() -> None:
    async with listening(answering(OK)) as peer, opened(*LOOPBACK) as client:
        await ask(client, peer.url(), method="POST")
        assert b"\r\nContent-Length: 0\r\n" in peer.requests[0]


async def test_header_names_are_lower_case_and_the_first_of_several_counts() -> None:
    said = b"HTTP/1.1 204 No Content\r\nRetry-After: 1\r\nRETRY-AFTER: 2\r\nX: \xfc\r\n\r\n"
    async with listening(answering(said)) as peer, opened(*LOOPBACK) as client:
        answer = await ask(client, peer.url())
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["x"] == "ü"


async def test_the_whole_exchange_has_one_limit() -> None:
    async with listening(hanging) as peer, opened(*LOOPBACK) as client:
        error = await fault(client, peer.url(), timeout_seconds=0.1)
        assert error.fault is ExchangeFault.TIMEOUT
        assert error.timings.connect_ms is not None
        assert error.timings.first_byte_ms is None
        assert (await fault(client, peer.url(), timeout_seconds=-1)).fault is ExchangeFault.TIMEOUT


# TLS


async def test_tls_uses_the_name_although_it_connects_to_an_address() -> None:
    authorities = Authorities()
    names = Names(localhost=[["127.0.0.1"]])
    async with (
        listening(answering(OK), tls=authorities.servers()["good"]) as peer,
        opened(*LOOPBACK, names=names, tls=authorities.client()) as client,
    ):
        answer = await ask(client, peer.url("https", host="localhost"))
        assert answer.status == 200
        assert answer.timings.tls_ms is not None
        assert (await ask(client, peer.url("https"))).status == 200


async def test_a_peer_that_does_not_shake_hands_is_not_waited_for() -> None:
    async with listening(hanging) as peer, opened(*LOOPBACK, connect_timeout_seconds=0.1) as client:
        error = await fault(client, peer.url("https"))
        assert error.fault is ExchangeFault.CONNECT_TIMEOUT
        assert error.timings.tls_ms is not None


async def test_a_server_that_wants_a_certificate_gets_none() -> None:
    """With TLS 1.3 its refusal comes only after the handshake, when the answer is read."""
    authorities = Authorities()
    context = authorities.servers()["good"]
    context.verify_mode = ssl.CERT_REQUIRED
    async with listening(answering(OK), tls=context) as peer, opened(*LOOPBACK, tls=authorities.client()) as client:
        assert (await fault(client, peer.url("https"))).fault in {
            ExchangeFault.TLS_ERROR,
            ExchangeFault.CONNECTION_RESET,
            ExchangeFault.CONNECTION_CLOSED,
        }


# through a proxy


def forwarding(answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> Behaviour:
    """A proxy that connects to whatever port it is asked for, on loopback."""

    async def behaviour(peer: Peer) -> None:
        head = await peer.request()
        await peer.send(answer)
        if b" 200 " not in answer:
            return
        port = int(head.split(b" ")[1].rpartition(b":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(_pipe(peer.reader, writer), _pipe(reader, peer.writer))
        finally:
            writer.transport.abort()

    return behaviour


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def through(port: int) -> Proxies:
    return Proxies(http=f"http://127.0.0.1:{port}", https=f"http://user:password@127.0.0.1:{port}")


async def test_https_goes_through_a_tunnel_and_the_proxy_resolves() -> None:
    authorities = Authorities()
    names = Names()
    async with (
        listening(answering(OK), tls=authorities.servers()["good"]) as peer,
        listening(forwarding()) as proxy,
        opened(names=names, tls=authorities.client(), proxies=through(proxy.port)) as client,
    ):
        # Nothing is allowed, yet the hop to the proxy is made: it is the operator's.
        url = client.admit(f"https://hooks.example:{peer.port}/hook")
        error = await fault(client, str(url))
        assert error.fault is ExchangeFault.TLS_ERROR  # the far end is reached, and is not hooks.example
        assert names.asked == []
        expected = b"Proxy-Authorization: Basic " + base64.b64encode(b"user:password")
        assert expected in proxy.requests[0]


async def test_a_tunnel_is_kept_and_its_timings_are_those_of_the_far_end() -> None:
    authorities = Authorities()
    async with (
        listening(answering(OK), tls=authorities.servers()["good"]) as peer,
        listening(forwarding()) as proxy,
        opened(*LOOPBACK, tls=authorities.client(), proxies=through(proxy.port)) as client,
    ):
        answers = [await ask(client, peer.url("https")) for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 200]
        assert (proxy.connections, peer.connections) == (1, 1)
        assert answers[0].timings.tls_ms is not None
        assert answers[0].timings.first_byte_ms is not None


async def test_http_is_handed_to_the_proxy_whole() -> None:
    async with listening(answering(OK)) as proxy, opened(proxies=through(proxy.port)) as client:
        assert (await ask(client, "http://hooks.example/a?b")).status == 200
        assert proxy.requests[0].startswith(b"GET http://hooks.example:80/a?b HTTP/1.1\r\nHost: hooks.example\r\n")


async def test_a_proxy_that_refuses() -> None:
    refusing = forwarding(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    async with listening(refusing) as proxy, opened(proxies=through(proxy.port)) as client:
        assert (await fault(client, "https://hooks.example/")).fault is ExchangeFault.PROXY_ERROR


async def test_literal_addresses_are_refused_before_the_proxy_is_asked() -> None:
    async with opened(proxies=through(9)) as client:
        with pytest.raises(ForbiddenURLError):
            client.admit("https://169.254.169.254/")
