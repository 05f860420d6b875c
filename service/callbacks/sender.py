"""Sending callbacks over HTTP: one signed, bounded attempt at a time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict

from service.callbacks.excerpt import excerpt
from service.callbacks.rewrites import Rewrites
from service.callbacks.signing import signature
from service.callbacks.slots import HostSlots
from service.domain.retry_after import parse_retry_after
from service.ports.callbacks import Message, Receipt
from service.ports.clock import Clock
from service.ports.fetching import ForbiddenURLError
from service.ports.http import ExchangeError, ExchangeFault, HttpAnswer, HttpClient, HttpRequest, WebURL
from service.ports.limits import Limits

ATTEMPT_TIMEOUT_SECONDS = 20.0
ATTEMPTS_PER_HOST = 8
MAX_ANSWER_BYTES = 64 * 1024
_LARGE_BODY_BYTES = 1024 * 1024  # signing more than this would hold up the event loop noticeably


class HttpCallbackSender:
    """Implements `service.ports.callbacks.CallbackSender` on a guarded client.

    Args:
        client: Guards, times and bounds every exchange; it follows no redirects.
        user_agent: The value of the User-Agent field.
        clock: Tells the time that is signed.
        limits: Where it is kept how many attempts may be in flight.
        rewrites: Receivers that the operator has moved. Where they lead is trusted: exactly that host and port.
        timeout_seconds: The most that one attempt may take, whatever the receiver drips.
        per_host: How many attempts may be in flight to one host; waiting for that is no part of an attempt.
    """

    def __init__(
        self,
        *,
        client: HttpClient,
        user_agent: str,
        clock: Clock,
        limits: Limits,
        rewrites: Rewrites | None = None,
        timeout_seconds: float = ATTEMPT_TIMEOUT_SECONDS,
        per_host: int = ATTEMPTS_PER_HOST,
    ) -> None:
        self._client = client
        self._user_agent = user_agent
        self._clock = clock
        self._rewrites = rewrites or Rewrites()
        self._timeout_seconds = timeout_seconds
        self._slots = HostSlots(per_host=per_host, limits=limits)

    def check(self, url: str) -> None:
        """Refuse what can be known to be wrong about a callback URL without resolving its name."""
        self._admit(url)

    def busy(self, url: str) -> bool:
        """Whether an attempt would have to wait for others to the same host that do not get on."""
        try:
            return self._slots.stuck(self._admit(url).host)
        except ForbiddenURLError:
            return False

    async def send(self, message: Message) -> Receipt:
        """One signed attempt. Never raises for what a receiver does."""
        try:
            url = self._admit(message.url)
        except ForbiddenURLError:
            return Receipt(status=None, error_code=ExchangeFault.FORBIDDEN_ADDRESS.value, duration_ms=0.0)
        async with self._slots.slot(url.host):
            request = await self._request(message, url)
            started = time.perf_counter()
            try:
                answer = await self._client.exchange(request)
            except ExchangeError as error:
                return Receipt(
                    status=None, error_code=error.fault.value, duration_ms=_since(started), **asdict(error.timings)
                )
            return self._receipt(message, request, answer, _since(started))

    async def close(self) -> None:
        """Release connections."""
        await self._client.close()

    def _admit(self, url: str) -> WebURL:
        rewritten = self._rewrites.apply(url)
        if rewritten is not None:
            return self._client.admit(rewritten, trusted=True)
        return self._client.admit(url)

    async def _request(self, message: Message, url: WebURL) -> HttpRequest:
        timestamp = int(self._clock.now().timestamp())
        signing = (message.id, timestamp, message.body, message.secrets)
        if len(message.body) > _LARGE_BODY_BYTES:
            signed = await asyncio.to_thread(signature, *signing)
        else:
            signed = signature(*signing)
        return HttpRequest(
            method="POST",
            url=url,
            headers={
                "User-Agent": self._user_agent,
                "Accept-Encoding": "identity",
                "Content-Type": "application/json",
                "webhook-id": message.id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": signed,
            },
            body=message.body,
            timeout_seconds=self._timeout_seconds,
            max_body_bytes=MAX_ANSWER_BYTES,
        )

    def _receipt(self, message: Message, request: HttpRequest, answer: HttpAnswer, duration_ms: float) -> Receipt:
        """An answer that breaks off in its body is an answer: the receiver has spoken with its status."""
        secrets = (*message.secrets, *request.headers["webhook-signature"].split(" "))
        return Receipt(
            status=answer.status,
            error_code=None,
            duration_ms=duration_ms,
            retry_after_seconds=parse_retry_after(answer.headers.get("retry-after"), now=self._clock.now()),
            response_excerpt=excerpt(answer.body, target=request.url.target, secrets=secrets),
            **asdict(answer.timings),
        )


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
