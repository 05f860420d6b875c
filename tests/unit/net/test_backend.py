from __future__ import annotations

import asyncio
import socket

import pytest

from service.ports.http import ExchangeFault
from tests.servers.names import Names
from tests.servers.sockets import OK, answering, answering_once, listening
from tests.unit.net.exchanging import LOOPBACK, ask, fault, opened


class Backlog:
    """A socket that listens but whose queue is full: connecting to it hangs."""

    def __enter__(self) -> int:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self._fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self._listener.getsockname())
            self._fillers.append(filler)
        return int(self._listener.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        for one in (*self._fillers, self._listener):
            one.close()


# the guard inside the connection


async def test_a_name_that_leads_inside_is_refused_without_a_packet() -> None:
    names = Names(hooks_example=[["127.0.0.1"]])
    async with listening(answering(OK)) as inside, opened(names=names) as client:
        error = await fault(client, inside.url(host="hooks.example"))
        assert error.fault is ExchangeFault.FORBIDDEN_ADDRESS
        assert error.timings.connect_ms is None
        await asyncio.sleep(0.05)
        assert inside.connections == 0


@pytest.mark.parametrize(
    "answers", [["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "::ffff:127.0.0.1"]]
)
async def test_one_forbidden_answer_rejects_the_name(answers: list[str]) -> None:
    names = Names(hooks_example=[answers])
    async with listening(answering(OK), host="127.0.0.2") as allowed, opened("127.0.0.2/32", names=names) as client:
        error = await fault(client, allowed.url(host="hooks.example"))
        assert error.fault is ExchangeFault.FORBIDDEN_ADDRESS
        assert allowed.connections == 0


async def test_a_name_that_turns_inside_between_attempts_is_refused() -> None:
    names = Names(hooks_example=[["127.0.0.2"], ["127.0.0.1"]])
    async with (
        listening(answering_once(OK), host="127.0.0.2") as outside,
        listening(answering(OK), port=outside.port) as inside,
        opened("127.0.0.2/32", names=names) as client,
    ):
        url = outside.url(host="hooks.example")
        assert (await ask(client, url)).status == 200
        await asyncio.sleep(0.05)  # the kept connection is closed by its server
        assert (await fault(client, url)).fault is ExchangeFault.FORBIDDEN_ADDRESS
        assert (outside.connections, inside.connections) == (1, 0)


async def test_what_was_checked_is_what_is_connected_to() -> None:
    """A second look-up, between the check and the connection, would lead inside."""
    names = Names(hooks_example=[["127.0.0.2"], ["127.0.0.1"]])
    async with (
        listening(answering(OK), host="127.0.0.2") as outside,
        listening(answering(OK), port=outside.port) as inside,
        opened("127.0.0.2/32", names=names) as client,
    ):
        assert (await ask(client, outside.url(host="hooks.example"))).status == 200
        assert names.asked == ["hooks.example"]
        assert (outside.connections, inside.connections) == (1, 0)


async def test_open_closed_and_silent_ports_behind_the_guard_look_the_same() -> None:
    """Neither is connected to, so not even the time that it takes tells them apart."""
    names = Names(hooks_example=[["127.0.0.1"]])
    async with listening(answering(OK)) as inside, opened(names=names) as client:
        async with listening(answering(OK)) as gone:
            closed_port = gone.port
        with Backlog() as silent_port:
            for port in (inside.port, closed_port, silent_port):
                error = await fault(client, f"http://hooks.example:{port}/")
                assert (error.fault, error.timings.connect_ms) == (ExchangeFault.FORBIDDEN_ADDRESS, None)
        assert inside.connections == 0


async def test_a_trusted_target_is_exempt_and_shares_nothing_with_others() -> None:
    names = Names(hooks_example=[["127.0.0.1"]])
    async with listening(answering(OK)) as inside, opened(names=names) as client:
        url = inside.url(host="hooks.example")
        assert (await ask(client, url, trusted=True)).status == 200
        assert (await fault(client, url)).fault is ExchangeFault.FORBIDDEN_ADDRESS
        assert inside.connections == 1


# resolving and connecting


async def test_unknown_names_and_empty_answers() -> None:
    async with opened(names=Names(empty_example=[[]])) as client:
        assert (await fault(client, "http://unknown.example/")).fault is ExchangeFault.DNS_FAILURE
        assert (await fault(client, "http://empty.example/")).fault is ExchangeFault.DNS_FAILURE


async def test_a_slow_resolver_is_not_waited_for() -> None:
    async with opened(names=Names(600.0), dns_timeout_seconds=0.05) as client:
        error = await fault(client, "http://hooks.example/")
        assert error.fault is ExchangeFault.DNS_TIMEOUT
        assert error.timings.dns_ms is not None
        assert error.timings.dns_ms >= 40


async def test_the_next_address_is_tried() -> None:
    names = Names(hooks_example=[["127.0.0.3", "127.0.0.2"]])
    async with listening(answering(OK), host="127.0.0.2") as peer, opened(*LOOPBACK, names=names) as client:
        answer = await ask(client, peer.url(host="hooks.example"))
        assert (answer.status, answer.body, answer.cut) == (200, b"ok", None)
        assert peer.requests[0].startswith(b"GET /hook HTTP/1.1\r\nHost: hooks.example:%d\r\n" % peer.port)


async def test_nobody_listens() -> None:
    async with listening(answering(OK)) as gone:
        port = gone.port
    async with opened(*LOOPBACK) as client:
        error = await fault(client, f"http://127.0.0.1:{port}/")
        assert error.fault is ExchangeFault.CONNECT_REFUSED
        assert error.timings.connect_ms is not None


async def test_there_is_no_way() -> None:
    async with opened("240.0.0.0/4") as client:  # reserved: the kernel itself refuses
        assert (await fault(client, "http://255.255.255.255/")).fault is ExchangeFault.CONNECT_FAILED


async def test_a_full_backlog_is_not_waited_for() -> None:
    with Backlog() as port:
        async with opened(*LOOPBACK, connect_timeout_seconds=0.1) as client:
            error = await fault(client, f"http://127.0.0.1:{port}/")
            assert error.fault is ExchangeFault.CONNECT_TIMEOUT


async def test_a_dead_address_leaves_time_for_the_living() -> None:
    with Backlog() as port:
        names = Names(hooks_example=[["127.0.0.1", "127.0.0.2"]])
        async with (
            listening(answering(OK), host="127.0.0.2", port=port),
            opened(*LOOPBACK, names=names, connect_timeout_seconds=4.0) as client,
        ):
            assert (await ask(client, f"http://hooks.example:{port}/")).status == 200
