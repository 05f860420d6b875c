"""A provider and a receiver that remember every request, so that what a killed service did can be judged afterwards."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import random
import re
import secrets
from collections import defaultdict, deque
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Self

from PIL import Image
from standardwebhooks.webhooks import Webhook

from tests.servers.plain_http import Answer, Request, Server, encode_request

_TAG = re.compile(rb"tag-[0-9a-f]{12}")


class Moments:
    """Lets somebody wait for the next time that something happens."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[asyncio.Future[None]]] = defaultdict(list)

    def happened(self, name: str) -> None:
        for waiter in self._waiting.pop(name, ()):
            if not waiter.done():
                waiter.set_result(None)

    async def next(self, name: str) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[name].append(waiter)
        await waiter


class RecordingProvider:
    """Speaks enough of the OpenAI Images API to edit a picture, after a random delay.

    Attributes:
        life: To be raised by whoever starts the service anew.
        calls: By the tag in the prompt, the life of the service in which each call came.
    """

    def __init__(self, moments: Moments, *, delay_seconds: tuple[float, float]) -> None:
        self._moments = moments
        self._delay_seconds = delay_seconds
        self._answer = Answer(body=_images_answer())
        self.life = 0
        self.calls: dict[str, list[int]] = defaultdict(list)

    async def handle(self, request: Request) -> Answer:
        if not request.path.endswith("/images/edits"):
            return Answer()
        match = _TAG.search(request.body)
        assert match is not None, "a call without a tag"
        self.calls[match.group().decode()].append(self.life)
        self._moments.happened("called")
        await asyncio.sleep(random.uniform(*self._delay_seconds))  # noqa: S311 - no secret
        self._moments.happened("answered")
        return self._answer


@dataclass(frozen=True, slots=True)
class Callback:
    """One verified message that reached the receiver."""

    message_id: str
    timestamp: int
    digest: str
    answered: int


class RecordingReceiver:
    """Verifies callbacks and remembers them by job id. Answers 200 after a random delay, or as `refuse` says."""

    def __init__(self, moments: Moments, secret: str, *, delay_seconds: tuple[float, float] = (0, 0)) -> None:
        self._moments = moments
        self._verifier = Webhook(secret)
        self._delay_seconds = delay_seconds
        self._refusals: deque[int] = deque()
        self.callbacks: dict[str, list[Callback]] = defaultdict(list)

    def refuse(self, *statuses: int) -> None:
        """Answer the next messages so."""
        self._refusals.extend(statuses)

    async def handle(self, request: Request) -> Answer:
        self._verifier.verify(request.body, dict(request.headers))
        self._moments.happened("delivering")
        status = self._refusals.popleft() if self._refusals else 200
        await asyncio.sleep(random.uniform(*self._delay_seconds))  # noqa: S311 - no secret
        self.callbacks[json.loads(request.body)["job_id"]].append(
            Callback(
                message_id=request.headers["webhook-id"],
                timestamp=int(request.headers["webhook-timestamp"]),
                digest=hashlib.sha256(request.body).hexdigest(),
                answered=status,
            )
        )
        self._moments.happened("delivered")
        return Answer(status)


class Surroundings:
    """A provider and a receiver that run, and the variables that lead a service to them.

    Args:
        provider_seconds: The shortest and the longest time that the provider takes to answer.
        receiver_seconds: The same of the receiver.
    """

    def __init__(
        self, *, provider_seconds: tuple[float, float] = (0, 0), receiver_seconds: tuple[float, float] = (0, 0)
    ) -> None:
        self.moments = Moments()
        self.secret = new_secret()
        self.provider = RecordingProvider(self.moments, delay_seconds=provider_seconds)
        self.receiver = RecordingReceiver(self.moments, self.secret, delay_seconds=receiver_seconds)
        self._servers = (Server(self.provider.handle), Server(self.receiver.handle))

    async def __aenter__(self) -> Self:
        for server in self._servers:
            await server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            await server.close()

    @property
    def callback_url(self) -> str:
        return f"{self._servers[1].url}/callback"

    def environment(self, *, retry_schedule: str) -> dict[str, str]:
        return {
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": f"{self._servers[0].url}/v1",
            "AFTERIMAGE_SIGNING_SECRETS": self.secret,
            "AFTERIMAGE_CALLBACK_RETRY_SCHEDULE": retry_schedule,
        }

    def job(self) -> tuple[str, bytes]:
        """A new tag, and an encoded request for a job whose Idempotency-Key and prompt carry it."""
        tag = f"tag-{secrets.token_hex(6)}"
        picture = base64.b64encode(_small_picture()).decode()
        body = {"prompt": f"invert {tag}", "filename": f"{tag}.jpg", "image_base64": picture}
        headers = {"callbackUrl": self.callback_url, "Idempotency-Key": tag}
        return tag, encode_request("POST", "/process-image-async", headers, json.dumps(body).encode())


def new_secret() -> str:
    """A signing secret of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@cache
def _small_picture(side: int = 96) -> bytes:
    """A picture of a few kilobytes that no compressor can shrink, as JPEG."""
    noise = Image.frombytes("RGB", (side, side), random.Random(side).randbytes(side * side * 3))  # noqa: S311
    file = io.BytesIO()
    noise.save(file, "JPEG", quality=80)
    return file.getvalue()


def _images_answer() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(file, "PNG")
    usage = {"total_tokens": 2, "input_tokens": 1, "output_tokens": 1}
    usage |= {"input_tokens_details": {"image_tokens": 1, "text_tokens": 0}}  # type: ignore[dict-item]
    picture = base64.b64encode(file.getvalue()).decode()
    return json.dumps({"created": 1, "data": [{"b64_json": picture}], "output_format": "png", "usage": usage}).encode()
