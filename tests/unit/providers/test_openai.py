from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from PIL import Image

from service.domain.faults import Fault, Moderation, ProviderFaultError
from service.domain.pictures import PictureFormat
from service.ports.imaging import Picture
from service.ports.ledger import LeaseLostError
from service.ports.provider import Result, Task, Ticket
from service.providers.openai import OpenAIProvider
from service.providers.prices import Prices
from tests.contract.provider_suite import picture, task
from tests.servers.images_replies import REPLIES, Reply
from tests.servers.openai_images import ImagesServer
from tests.servers.sockets import Authorities, Peer, answering_once, listening


@pytest.fixture
def server() -> Iterator[ImagesServer]:
    with ImagesServer() as server:
        yield server


@asynccontextmanager
async def provider(base_url: str, *models: str, quality: str | None = None) -> AsyncIterator[OpenAIProvider]:
    made = OpenAIProvider(
        api_key="sk-test",
        base_url=base_url,
        models=models or ("gpt-image-2",),
        prices=Prices.load(),
        quality=quality,
        connect_timeout_seconds=2,
    )
    yield made
    await made.close()


@pytest.fixture
async def openai(server: ImagesServer) -> AsyncIterator[OpenAIProvider]:
    async with provider(server.url) as made:
        yield made


async def fault_of(openai: OpenAIProvider, asked: Task | None = None) -> ProviderFaultError:
    with pytest.raises(ProviderFaultError) as raised:
        await openai.start(asked or task())
    return raised.value


async def test_an_edit_brings_picture_usage_cost_and_the_id_of_the_request(openai: OpenAIProvider) -> None:
    result = await openai.start(task())
    assert isinstance(result, Result)
    assert result.usage is not None
    assert result.usage["output_tokens"] == 1056
    assert result.cost_usd == pytest.approx((5 * 3 + 8 * 7 + 30 * 1056) / 1e6)
    assert result.request_id == "req_00000001"
    assert result.model == "gpt-image-2"
    assert result.warnings == ()


async def test_what_is_sent(server: ImagesServer, openai: OpenAIProvider) -> None:
    parameters = {"size": "1024x1536", "quality": "low", "background": "opaque", "output_format": "webp"}
    await openai.start(task(prompt="ünïcode", parameters={**parameters, "output_compression": 50}))
    call = server.calls[0]
    assert call.fields == {"prompt": "ünïcode", "model": "gpt-image-2", **parameters, "output_compression": "50"}
    assert call.files == {"image": ("image/png", len(picture().data))}
    assert call.headers["authorization"] == "Bearer sk-test"


async def test_the_model_of_the_task_is_asked(server: ImagesServer) -> None:
    async with provider(server.url, "gpt-image-2", "gpt-image-1.5") as openai:
        result = await openai.start(task(model="gpt-image-1.5", parameters={"input_fidelity": "high"}))
    assert result.model == "gpt-image-1.5"
    assert server.calls[0].fields["model"] == "gpt-image-1.5"
    assert server.calls[0].fields["input_fidelity"] == "high"


async def test_the_configured_quality_is_for_requests_that_do_not_say(server: ImagesServer) -> None:
    async with provider(server.url, quality="medium") as openai:
        await openai.start(task())
        await openai.start(task(parameters={"quality": "high"}))
        assert await openai.estimate({"size": "1024x1024"}) == pytest.approx(0.053)
    assert [call.fields["quality"] for call in server.calls] == ["medium", "high"]


async def test_what_the_model_does_not_take_is_left_out_with_a_warning(openai: OpenAIProvider) -> None:
    result = await openai.start(task(parameters={"input_fidelity": "low", "quality": "max"}))
    assert result.warnings == (
        "gpt-image-2 does not take quality max; left out",
        "gpt-image-2 does not take input_fidelity low; left out",
    )


async def test_compression_of_a_png_is_not_sent(server: ImagesServer, openai: OpenAIProvider) -> None:
    await openai.start(task(parameters={"output_format": "png", "output_compression": 50}))
    await openai.start(task(parameters={"output_compression": 50}))
    assert not any("output_compression" in call.fields for call in server.calls)


@pytest.mark.parametrize(
    ("models", "takes"),
    [(("gpt-image-2",), False), (("gpt-image-2", "gpt-image-1.5"), True), (("acme-1",), True)],
)
async def test_fidelity_is_offered_where_a_model_takes_it(models: tuple[str, ...], takes: bool) -> None:
    async with provider("http://127.0.0.1:9/v1", *models) as openai:
        assert ("input_fidelity" in openai.capabilities.parameters["edit"]) is takes


async def test_a_mask_goes_along(server: ImagesServer, openai: OpenAIProvider) -> None:
    file = io.BytesIO()
    Image.new("RGBA", (96, 64)).save(file, "PNG")
    mask = Picture(data=file.getvalue(), format=PictureFormat.PNG, width=96, height=64)
    await openai.start(task(mask=mask))
    assert server.calls[0].files["mask"] == ("image/png", len(mask.data))


async def test_what_the_api_refuses_is_invalid_input(openai: OpenAIProvider) -> None:
    gif = replace(picture(), format=PictureFormat.GIF)
    wrong_mask = picture(width=10)
    for asked, code in [
        (task(pictures=(gif,)), "unsupported_file_mimetype"),
        (task(pictures=(replace(picture(), data=b"junk"),)), "invalid_image_file"),
        (task(mask=wrong_mask), "invalid_image_file"),
        (task(parameters={"size": "1000x1000"}), "invalid_value"),
        (task(prompt="x" * 32_001), "string_above_max_length"),
    ]:
        fault = await fault_of(openai, asked)
        assert (fault.fault, fault.code) == (Fault.INVALID_INPUT, code)


@pytest.mark.parametrize(
    ("reply", "expected", "code", "status"),
    [
        ("billing_hard_limit", Fault.BILLING_EXHAUSTED, "billing_hard_limit_reached", 400),
        ("insufficient_quota", Fault.BILLING_EXHAUSTED, "insufficient_quota", 429),
        ("credit_exhausted", Fault.BILLING_EXHAUSTED, "credit_balance_exhausted", 429),
        ("payment_required", Fault.BILLING_EXHAUSTED, None, 402),
        ("rate_limited", Fault.RATE_LIMITED, "rate_limit_exceeded", 429),
        ("slow_down", Fault.RATE_LIMITED, "slow_down", 429),
        ("overloaded", Fault.OVERLOADED, "server_is_overloaded", 503),
        ("server_error", Fault.OVERLOADED, "server_error", 500),
        ("bad_gateway", Fault.OVERLOADED, None, 502),
        ("moderated", Fault.MODERATED, "moderation_blocked", 400),
        ("content_policy", Fault.MODERATED, "content_policy_violation", 400),
        ("invalid_image", Fault.INVALID_INPUT, "invalid_image_file", 400),
        ("too_large", Fault.INVALID_INPUT, "invalid_request_error", 413),
        ("unprocessable", Fault.INVALID_INPUT, "invalid_request_error", 422),
        ("unauthorized", Fault.AUTH, "invalid_api_key", 401),
        ("forbidden", Fault.AUTH, None, 403),
        ("model_not_found", Fault.MODEL_UNAVAILABLE, "model_not_found", 404),
        ("no_picture", Fault.EMPTY_RESULT, None, 200),
        ("bad_base64", Fault.EMPTY_RESULT, None, 200),
        ("no_json", Fault.EMPTY_RESULT, None, 200),
        ("error_in_200", Fault.OVERLOADED, "image_generation_failed", 200),
        ("end_midway", Fault.AMBIGUOUS, None, 200),
        ("cut", Fault.AMBIGUOUS, None, None),
        ("cut_midway", Fault.AMBIGUOUS, None, None),
    ],
)
async def test_every_failure_has_its_class(
    server: ImagesServer, openai: OpenAIProvider, reply: str, expected: Fault, code: str | None, status: int | None
) -> None:
    server.script(reply)
    fault = await fault_of(openai)
    assert (fault.fault, fault.code, fault.http_status) == (expected, code, status)
    assert fault.possibly_billed is (expected is Fault.AMBIGUOUS)
    assert fault.called
    assert fault.message
    assert len(server.calls) == 1  # the SDK does not ask again by itself
    if status not in {None, 200}:
        assert fault.request_id == "req_00000001"
    await openai.start(task())  # and the next call is not disturbed


@pytest.mark.parametrize("body", ["", "[]", "null", '{"data": [{"b64_json": ""}]}', '{"data": [{"url": "http://x"}]}'])
async def test_answers_of_other_shapes(server: ImagesServer, openai: OpenAIProvider, body: str) -> None:
    server.script(Reply(body=body))
    expected = Fault.EMPTY_RESULT if body else Fault.AMBIGUOUS
    assert (await fault_of(openai)).fault is expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "7", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "soon"}, None),
        ({}, None),
    ],
)
async def test_how_long_to_wait(
    server: ImagesServer, openai: OpenAIProvider, headers: dict[str, str], seconds: float | None
) -> None:
    server.script(replace(REPLIES["rate_limited"], headers=headers))
    assert (await fault_of(openai)).retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("reply", "explained"),
    [
        ("moderated", Moderation(stage="input", categories=("violence",))),
        ("moderated_output", Moderation(stage="output", categories=("sexual",))),
        ("content_policy", Moderation(categories=("violence",))),
        (Reply(status=400, error={"code": "moderation_blocked", "message": "No."}), Moderation()),
    ],
)
async def test_a_refusal_is_explained(
    server: ImagesServer, openai: OpenAIProvider, reply: str | Reply, explained: Moderation
) -> None:
    server.script(reply)
    assert (await fault_of(openai)).moderation == explained


async def test_nothing_of_the_key_is_shown(server: ImagesServer, openai: OpenAIProvider) -> None:
    server.script("unauthorized")
    assert "sk-" not in (await fault_of(openai)).message


@pytest.mark.parametrize("reply", ["hang", "drip"])
async def test_an_answer_that_takes_too_long_is_lost(server: ImagesServer, openai: OpenAIProvider, reply: str) -> None:
    server.script(reply)
    fault = await fault_of(openai, task(timeout_seconds=2))
    assert fault.fault is Fault.AMBIGUOUS
    assert "too long" in fault.message


async def test_where_nobody_listens_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    async with provider(f"http://127.0.0.1:{port}/v1") as openai:
        fault = await fault_of(openai)
        with pytest.raises(ProviderFaultError, match="cannot be reached"):
            await openai.ping()
    assert fault.fault is Fault.UNREACHABLE
    assert "too long" not in fault.message


async def test_a_certificate_that_nobody_trusts_is_unreachable() -> None:
    async def silent(peer: Peer) -> None:
        await peer.request()

    async with (
        listening(silent, tls=Authorities().servers()["self_signed"]) as peer,
        provider(f"https://127.0.0.1:{peer.port}/v1") as openai,
    ):
        fault = await fault_of(openai)
    assert fault.fault is Fault.UNREACHABLE
    assert "certificate" in fault.message
    assert not peer.requests


async def test_a_connection_that_breaks_while_the_picture_is_sent_has_cost_nothing() -> None:
    async def deaf(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.reset()

    large = replace(picture(), data=bytes(30_000_000))  # more than the sockets hold
    async with listening(deaf) as peer, provider(f"http://127.0.0.1:{peer.port}/v1") as openai:
        fault = await fault_of(openai, task(pictures=(large,)))
    assert fault.fault is Fault.UNREACHABLE


async def test_redirects_are_not_followed(server: ImagesServer) -> None:
    elsewhere = f"HTTP/1.1 307 See\r\nLocation: {server.url}/images/edits\r\nContent-Length: 0\r\n\r\n".encode()
    async with (
        listening(answering_once(elsewhere)) as peer,
        provider(f"http://127.0.0.1:{peer.port}/v1") as openai,
    ):
        assert (await fault_of(openai)).fault is Fault.UNREACHABLE
    assert server.calls == []


async def test_a_call_that_is_left_ends_its_connection(server: ImagesServer, openai: OpenAIProvider) -> None:
    server.script("hang")
    call = asyncio.create_task(openai.start(task()))
    while not server.calls:
        await asyncio.sleep(0.005)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await openai.start(task())


async def test_more_calls_wait_at_once_than_a_client_takes_by_itself(
    server: ImagesServer, openai: OpenAIProvider
) -> None:
    server.script(always="hang")
    calls = [asyncio.create_task(openai.start(task())) for _ in range(150)]
    async with asyncio.timeout(100):
        while server.in_flight < 150:
            await asyncio.sleep(0.01)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def test_large_pictures_do_not_hold_up_the_event_loop(server: ImagesServer, openai: OpenAIProvider) -> None:
    """What blocks does so every time, so one call of many is enough that comes off well.

    It must not work at a stretch for nearly as long as the standard library takes to read its answer, as the SDK would.
    """
    server.script(always=Reply(ready_made_bytes=4_000_000))
    large = task(pictures=(replace(picture(), data=os.urandom(4_000_000)),))
    shares = []
    for _ in range(20):
        longest_seconds, answer = await _longest_stretch_seconds(openai, large)
        shares.append(longest_seconds / _plain_reading_seconds(answer))
        if shares[-1] < 0.6:
            return
    pytest.fail(f"the shares were {shares}")


async def _longest_stretch_seconds(openai: OpenAIProvider, large: Task) -> tuple[float, bytes]:
    """In processor time of this thread, and the picture."""
    call = asyncio.create_task(openai.start(large))
    longest = 0.0
    while not call.done():
        before = time.thread_time()
        await asyncio.sleep(0)
        longest = max(longest, time.thread_time() - before)
    result = await call
    assert len(result.data) > 3_900_000
    return longest, result.data


def _plain_reading_seconds(picture: bytes) -> float:
    answer = json.dumps({"data": [{"b64_json": base64.b64encode(picture).decode()}]}).encode()
    before = time.thread_time()
    base64.b64decode(json.loads(answer)["data"][0]["b64_json"], validate=True)
    return time.thread_time() - before


async def test_the_ping_asks_for_the_model(server: ImagesServer, openai: OpenAIProvider) -> None:
    await openai.ping()
    assert server.calls == []  # nothing that costs


async def test_the_ping_finds_a_model_that_is_gone(server: ImagesServer) -> None:
    async with provider(server.url, "gpt-image-1") as openai:
        with pytest.raises(ProviderFaultError) as raised:
            await openai.ping()
    assert raised.value.fault is Fault.MODEL_UNAVAILABLE


async def test_a_server_without_that_path_has_answered_the_ping(server: ImagesServer) -> None:
    async with provider(f"{server.url}/elsewhere") as openai:
        await openai.ping()


async def test_a_server_that_fails_the_ping_is_reported() -> None:
    refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
    async with (
        listening(answering_once(refusal)) as peer,
        provider(f"http://127.0.0.1:{peer.port}/v1") as openai,
    ):
        with pytest.raises(ProviderFaultError) as raised:
            await openai.ping()
    assert raised.value.fault is Fault.AUTH


async def test_it_gives_no_tickets(openai: OpenAIProvider) -> None:
    with pytest.raises(ProviderFaultError) as raised:
        await openai.collect(task(), Ticket(id="7", poll_after_seconds=0))
    assert raised.value.fault is Fault.EMPTY_RESULT


class Stop:
    """A fence that lets so many pieces of a request through."""

    def __init__(self, pieces: int) -> None:
        self.left = pieces

    async def __call__(self) -> None:
        if not self.left:
            raise LeaseLostError("the job is another's")
        self.left -= 1


async def test_a_call_whose_caller_has_lost_the_job_meanwhile_is_not_sent_to_its_end(
    server: ImagesServer, openai: OpenAIProvider
) -> None:
    asked, fence = task(pictures=(_noise(512),)), Stop(10**6)
    await openai.start(replace(asked, fence=fence))
    pieces = 10**6 - fence.left
    assert pieces > 10
    for sent in (0, 1, pieces // 2, pieces - 1):
        with pytest.raises(LeaseLostError):
            await openai.start(replace(asked, fence=Stop(sent)))
    await openai.start(replace(asked, fence=Stop(pieces)))
    assert len(server.calls) == 2


async def test_each_of_many_calls_has_a_fence_of_its_own(server: ImagesServer, openai: OpenAIProvider) -> None:
    asked = [replace(task(), fence=Stop(number % 2 * 1000)) for number in range(20)]
    ended = await asyncio.gather(*map(openai.start, asked), return_exceptions=True)
    assert [isinstance(end, LeaseLostError) for end in ended] == [True, False] * 10
    assert len(server.calls) == 10


def _noise(side: int) -> Picture:
    """A picture that no compressor makes smaller."""
    file = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(file, "PNG")
    return Picture(data=file.getvalue(), format=PictureFormat.PNG, width=side, height=side)
