"""What any sender of callbacks owes: the message as it is, signed, once per attempt, and a receipt in every case."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from service.callbacks.rewrites import Rewrites
from service.callbacks.sender import HttpCallbackSender
from service.callbacks.signing import new_secret
from service.limits.local import LocalLimits
from service.net.client import GuardedClient
from service.net.guard import AddressPolicy, URLGuard
from service.ports.callbacks import CallbackSender, Message
from service.ports.fetching import ForbiddenURLError
from tests.servers.names import Names
from tests.servers.receiver import Receiver, Reply
from tests.servers.sockets import OK, answering, hanging, listening

BODY = json.dumps({"status": "completed", "note": "größer"}, ensure_ascii=False).encode()
SECRET = new_secret()


class Now:
    def now(self) -> datetime:
        return datetime.now(UTC)


@asynccontextmanager
async def sending(
    *networks: str,
    allow_http: bool = True,
    names: Names | None = None,
    tls: ssl.SSLContext | None = None,
    rules: tuple[str, ...] = (),
    **options: Any,
) -> AsyncIterator[CallbackSender]:
    client = GuardedClient(
        guard=URLGuard(policy=AddressPolicy(networks), allow_http=allow_http),
        resolver=names or Names(),
        ssl_context=tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        dns_timeout_seconds=2.0,
        connect_timeout_seconds=4.0,
    )
    sender = HttpCallbackSender(
        client=client,
        user_agent="Afterimage/1.2.3",
        clock=Now(),
        limits=LocalLimits(Now()),
        rewrites=Rewrites(rules),
        **options,
    )
    yield sender
    await sender.close()


def message(url: str, body: bytes = BODY, *secrets: str) -> Message:
    return Message(id="msg_1", url=url, body=body, secrets=secrets or (SECRET,))


async def test_the_message_arrives_as_it_is_and_verifies() -> None:
    async with Receiver() as receiver, sending("127.0.0.0/8") as sender:
        receipt = await sender.send(message(receiver.url + "/hook/a%2Fb?x=[1]&y"))
        assert (receipt.status, receipt.error_code, receipt.response_excerpt) == (200, None, "{}")
        (visit,) = receiver.visits
        assert (visit.method, visit.target, visit.body) == ("POST", "/hook/a%2Fb?x=[1]&y", BODY)
        assert visit.headers["content-type"] == "application/json"
        assert visit.headers["user-agent"] == "Afterimage/1.2.3"
        assert visit.headers["accept-encoding"] == "identity"
        assert visit.headers["webhook-id"] == "msg_1"
        assert Webhook(SECRET).verify(visit.body, dict(visit.headers)) == json.loads(BODY)


async def test_a_retry_has_the_same_id_and_bytes_and_a_new_timestamp() -> None:
    async with Receiver(Reply(500)) as receiver, sending("127.0.0.0/8") as sender:
        assert (await sender.send(message(receiver.url))).status == 500
        await asyncio.sleep(1.1)
        assert (await sender.send(message(receiver.url))).status == 200
        first, second = receiver.visits
        assert first.body == second.body
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert int(first.headers["webhook-timestamp"]) < int(second.headers["webhook-timestamp"])
        assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
        for visit in (first, second):
            Webhook(SECRET).verify(visit.body, dict(visit.headers))


async def test_every_secret_signs() -> None:
    old = new_secret()
    async with Receiver() as receiver, sending("127.0.0.0/8") as sender:
        await sender.send(message(receiver.url, BODY, SECRET, old))
        for secret in (SECRET, old):
            Webhook(secret).verify(receiver.visits[0].body, dict(receiver.visits[0].headers))


async def test_a_large_message_is_signed_beside_the_event_loop() -> None:
    body = b'{"result_image_base64":"' + b"A" * 8_000_000 + b'"}'
    async with Receiver() as receiver, sending("127.0.0.0/8") as sender:
        assert (await sender.send(message(receiver.url, body))).status == 200
        Webhook(SECRET).verify(receiver.visits[0].body, dict(receiver.visits[0].headers), json_parse=False)


async def test_phases_are_timed_apart() -> None:
    names = Names(0.03, hooks_example=[["127.0.0.1"]])
    async with Receiver(Reply(delay_seconds=0.05)) as receiver, sending("127.0.0.0/8", names=names) as sender:
        receipt = await sender.send(message(f"http://hooks.example:{receiver.port}/"))
        assert receipt.dns_ms is not None
        assert receipt.connect_ms is not None
        assert receipt.first_byte_ms is not None
        assert receipt.tls_ms is None
        assert receipt.dns_ms >= 25
        assert receipt.first_byte_ms >= 45
        assert receipt.duration_ms >= receipt.dns_ms + receipt.connect_ms + receipt.first_byte_ms


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    async with Receiver() as there, Receiver(Reply(status, {"Location": "/elsewhere"})) as here:
        here.script[0].headers["Location"] = there.url  # type: ignore[index]
        async with sending("127.0.0.0/8") as sender:
            assert (await sender.send(message(here.url))).status == status
            assert (len(here.visits), len(there.visits)) == (1, 0)


@pytest.mark.parametrize("status", [204, 400, 401, 404, 410, 429, 500, 502, 503])
async def test_the_status_is_what_the_receiver_said(status: int) -> None:
    async with Receiver(Reply(status, body=b"")) as receiver, sending("127.0.0.0/8") as sender:
        receipt = await sender.send(message(receiver.url))
        assert (receipt.status, receipt.error_code, receipt.response_excerpt) == (status, None, None)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [("120", 120, 120), ("0", 0, 0), ("9" * 30, 86400, 86400), ("Wed, 21 Nov 2096 07:28:00 GMT", 86400, 86400),
     ("Wed, 21 Nov 1996 07:28:00 GMT", 0, 0), ("-5", None, None), ("soon", None, None), ("", None, None)],
)  # fmt: skip
async def test_retry_after_in_every_form(value: str, low: float | None, high: float | None) -> None:
    async with Receiver(Reply(429, {"Retry-After": value})) as receiver, sending("127.0.0.0/8") as sender:
        asked = (await sender.send(message(receiver.url))).retry_after_seconds
        assert asked is low is None or (asked is not None and low is not None and high is not None)
        assert asked is None or (low or 0) <= asked <= (high or 0)


async def test_what_the_receiver_echoes_is_kept_without_secrets() -> None:
    echo = b"Cannot POST /hooks/s3cr3t-path with " + SECRET.encode()
    async with Receiver(Reply(404, body=echo)) as receiver, sending("127.0.0.0/8") as sender:
        receipt = await sender.send(message(receiver.url + "/hooks/s3cr3t-path"))
        assert receipt.response_excerpt == "Cannot POST [redacted] with [redacted]"


async def test_a_receiver_comes_back() -> None:
    async with sending("127.0.0.0/8") as sender:
        receiver = Receiver()
        await receiver.start()
        assert (await sender.send(message(receiver.url))).status == 200
        await receiver.stop()
        assert (await sender.send(message(receiver.url))).error_code == "connect_refused"
        await receiver.start()
        assert (await sender.send(message(receiver.url))).status == 200
        await receiver.stop()


# where callbacks may go


@pytest.mark.parametrize(
    "url", ["http://hooks.example/", "https://127.0.0.1/", "https://localhost/", "https://u:p@hooks.example/", "x"]
)
async def test_what_is_known_to_be_wrong_is_refused_at_once(url: str) -> None:
    async with sending(allow_http=False) as sender:
        with pytest.raises(ForbiddenURLError):
            sender.check(url)
        assert not sender.busy(url)
        receipt = await sender.send(message(url))
        assert (receipt.status, receipt.error_code, receipt.connect_ms) == (None, "forbidden_address", None)


async def test_checking_resolves_nothing() -> None:
    names = Names()
    async with sending(names=names) as sender:
        sender.check("https://hooks.example/x")
        assert names.asked == []


async def test_a_name_that_leads_inside_gets_no_packet() -> None:
    names = Names(hooks_example=[["127.0.0.1"]])
    async with listening(answering(OK)) as inside, sending(names=names) as sender:
        sender.check(inside.url(host="hooks.example"))
        receipt = await sender.send(message(inside.url(host="hooks.example")))
        assert (receipt.error_code, receipt.connect_ms) == ("forbidden_address", None)
        await asyncio.sleep(0.05)
        assert inside.connections == 0


@pytest.mark.parametrize("authority", ["wxo-server:4321", "wxo-server"])
async def test_the_operator_s_tunnel(authority: str) -> None:
    async with Receiver() as tunnel:
        rules = (f"wxo-server:4321=127.0.0.1:{tunnel.port}",)
        async with sending(rules=rules, allow_http=False) as sender:
            sender.check(f"http://{authority}/v1/cb/abc?x=%2F")
            assert (await sender.send(message(f"http://{authority}/v1/cb/abc?x=%2F"))).status == 200
            assert tunnel.visits[0].target == "/v1/cb/abc?x=%2F"
            with pytest.raises(ForbiddenURLError):  # nobody but the operator leads there
                sender.check(f"{tunnel.url}/v1/cb/abc")


# many at once


async def test_at_most_eight_at_once_to_one_host_and_waiting_is_no_part_of_an_attempt() -> None:
    busiest = 0
    running = 0

    async def counting(peer: Any) -> None:
        nonlocal busiest, running
        while True:
            await peer.request()
            running += 1
            busiest = max(busiest, running)
            await asyncio.sleep(0.05)
            running -= 1
            await peer.send(OK)

    async with listening(counting) as peer, sending("127.0.0.0/8", timeout_seconds=60) as sender:
        started = time.perf_counter()
        receipts = await asyncio.gather(*(sender.send(message(peer.url())) for _ in range(40)))
        assert {receipt.status for receipt in receipts} == {200}
        assert busiest == 8
        assert not sender.busy(peer.url())
        taken_ms = (time.perf_counter() - started) * 1000
        assert sum(receipt.duration_ms for receipt in receipts) <= 8 * taken_ms, "they last while they have a slot"
        assert peer.connections == 8


async def test_waiting_for_a_slot_does_not_use_up_the_attempt() -> None:
    async with listening(hanging) as peer, sending("127.0.0.0/8", timeout_seconds=1, per_host=1) as sender:
        receipts = await asyncio.gather(*(sender.send(message(peer.url())) for _ in range(3)))
        assert [receipt.error_code for receipt in receipts] == ["timeout"] * 3
        assert len(peer.requests) == 3


async def test_one_dead_host_does_not_slow_another() -> None:
    names = Names(dead_example=[["127.0.0.1"]], good_example=[["127.0.0.2"]])
    async with (
        listening(hanging) as dead,
        listening(answering(OK), host="127.0.0.2") as good,
        sending("127.0.0.0/8", names=names, timeout_seconds=100) as sender,
    ):
        stuck = [asyncio.create_task(sender.send(message(dead.url(host="dead.example")))) for _ in range(50)]
        await dead.requested(8)
        await asyncio.sleep(1.1)
        assert sender.busy(dead.url(host="dead.example"))
        assert not sender.busy(good.url(host="good.example"))
        receipts = await asyncio.gather(*(sender.send(message(good.url(host="good.example"))) for _ in range(50)))
        assert {receipt.status for receipt in receipts} == {200}
        assert not any(task.done() for task in stuck)
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)
        assert not sender.busy(dead.url(host="dead.example"))
