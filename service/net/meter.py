"""A connection's stream that is timed, and bounded until the head of the answer is in."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import httpcore

from service.ports.http import ExchangeFault, Timings

MAX_HEAD_BYTES = 64 * 1024
_HEAD_READ_BYTES = 4 * 1024  # parsed between two turns of the event loop: a peer may pack hundreds of answers in it

Phase = Literal["dns_ms", "connect_ms", "tls_ms", "first_byte_ms"]


class WireError(Exception):
    """A connection failed below HTTP."""

    def __init__(self, fault: ExchangeFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class Meter:
    """Watches the exchanges of one connection, one after the other."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin with the next exchange."""
        self.ended = False  # whether the peer closed its side
        self._head_bytes_left: int | None = MAX_HEAD_BYTES
        self._request_started: float | None = None
        self._durations: dict[Phase, float] = {}

    @property
    def timings(self) -> Timings:
        """How long the phases of this exchange took."""
        return Timings(**self._durations)

    @contextmanager
    def phase(self, name: Phase) -> Iterator[None]:
        """Time what happens inside, also when it fails."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._durations[name] = (time.perf_counter() - started) * 1000

    def wrote(self) -> None:
        """A part of the request is about to go out."""
        if self._request_started is None:
            self._request_started = time.perf_counter()

    def secured(self) -> None:
        """TLS starts: what was exchanged so far was with a proxy."""
        self._request_started = None
        self._durations.pop("first_byte_ms", None)

    def head_received(self) -> None:
        """The head of the answer is in: from here on its reader counts."""
        self._head_bytes_left = None

    def allowance(self, max_bytes: int) -> int:
        """How much of `max_bytes` may be read next.

        Raises:
            WireError: the head, interim answers (1xx) included, has grown beyond `MAX_HEAD_BYTES`.
        """
        if self._head_bytes_left is None:
            return max_bytes
        if self._head_bytes_left == 0:
            raise WireError(ExchangeFault.HEADERS_TOO_LARGE)
        return min(max_bytes, _HEAD_READ_BYTES, self._head_bytes_left)

    def received(self, data: bytes) -> None:
        """Something was read; nothing means that the peer closed its side."""
        self.ended = not data
        if self._head_bytes_left is not None:
            self._head_bytes_left -= len(data)
        if data and self._request_started is not None and "first_byte_ms" not in self._durations:
            self._durations["first_byte_ms"] = (time.perf_counter() - self._request_started) * 1000


class MeteredStream(httpcore.AsyncNetworkStream):
    """A stream that reports to a meter and raises `WireError` where the peer breaks the connection."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, meter: Meter) -> None:
        self._stream = stream
        self._meter = meter

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's signature
        """Read what is allowed."""
        allowed = self._meter.allowance(max_bytes)
        try:
            data = await self._stream.read(allowed, timeout)
        except Exception as error:  # anyio lets some of what TLS raises through as it is
            tls = isinstance(error, ssl.SSLError)
            raise WireError(ExchangeFault.TLS_ERROR if tls else ExchangeFault.CONNECTION_RESET) from error
        self._meter.received(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's signature
        """Write all of it. After a `WriteError` httpcore still reads the answer: a peer may have had enough."""
        self._meter.wrote()
        try:
            await self._stream.write(buffer, timeout)
        except Exception as error:  # as above
            raise httpcore.WriteError from error

    async def aclose(self) -> None:
        """Close without waiting for the peer."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        """Shake hands and check the certificate."""
        self._meter.secured()
        with self._meter.phase("tls_ms"):
            try:
                secured = await self._stream.start_tls(ssl_context, server_hostname, timeout)
            except httpcore.ConnectTimeout:
                raise WireError(ExchangeFault.CONNECT_TIMEOUT) from None
            except httpcore.ConnectError:
                raise WireError(ExchangeFault.TLS_ERROR) from None
        return MeteredStream(secured, self._meter)

    def get_extra_info(self, info: str) -> Any:
        """What the stream below knows."""
        return self._stream.get_extra_info(info)
