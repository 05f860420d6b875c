"""The HTTP client for peers that nobody vouches for: every exchange is guarded, timed and bounded."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import httpcore

from service.net.backend import GuardedBackend
from service.net.guard import URLGuard
from service.net.meter import Meter, WireError
from service.net.proxies import Proxies
from service.net.resolver import Resolver
from service.ports.http import ExchangeError, ExchangeFault, HttpAnswer, HttpRequest, WebURL

DNS_TIMEOUT_SECONDS = 5.0
CONNECT_TIMEOUT_SECONDS = 5.0
KEEPALIVE_SECONDS = 4.0  # uvicorn's and Node's servers close idle connections after 5 s
MAX_IDLE_CONNECTIONS = 64
_WRITE_BYTES = 64 * 1024
_CHUNKS_PER_TURN = 64  # of the event loop: a peer may send every byte as a chunk of its own
_FAILURES = (WireError, TimeoutError, httpcore.ProxyError, httpcore.RemoteProtocolError)


class _Route(NamedTuple):
    """What two requests must have in common to share a connection."""

    scheme: str
    host: str
    port: int
    trusted: bool


@dataclass(frozen=True, slots=True)
class _Link:
    route: _Route
    connection: httpcore.AsyncConnectionInterface
    meter: Meter


class GuardedClient:
    """Implements `service.ports.http.HttpClient` on httpcore's connections.

    It keeps idle connections itself: httpcore's pool scans all its requests and connections at every step, and a
    cancelled request can take a place in it for good.

    Args:
        guard: Judges URLs, and the addresses that are connected to.
        resolver: Finds those addresses; closing it stays with the caller.
        ssl_context: Whom to trust; by default the system's and certifi's authorities.
        proxies: The egress proxy, if there is one.
        dns_timeout_seconds: The most that resolving a name may take.
        connect_timeout_seconds: The most that connecting may take, and after it the TLS handshake.
    """

    def __init__(
        self,
        *,
        guard: URLGuard,
        resolver: Resolver,
        ssl_context: ssl.SSLContext | None = None,
        proxies: Proxies | None = None,
        dns_timeout_seconds: float = DNS_TIMEOUT_SECONDS,
        connect_timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
    ) -> None:
        self._guard = guard
        self._resolver = resolver
        self._ssl_context = ssl_context or httpcore.default_ssl_context()
        self._proxies = proxies or Proxies()
        self._dns_timeout_seconds = dns_timeout_seconds
        self._connect_timeout_seconds = connect_timeout_seconds
        self._idle: list[_Link] = []  # the longest unused first

    def admit(self, url: str, *, trusted: bool = False) -> WebURL:
        """Parse a URL and refuse what can be known to be wrong about it without resolving its name."""
        return self._guard.admit(url, trusted=trusted)

    async def exchange(self, request: HttpRequest) -> HttpAnswer:
        """Send one request and read its answer, within its time and its size."""
        deadline = asyncio.get_running_loop().time() + request.timeout_seconds
        link = await self._take(request.url)
        try:
            answer = await self._head(link, request, deadline)
            body, cut = await _body(link, answer, request.max_body_bytes, deadline)
        finally:
            await self._release(link)
        return HttpAnswer(
            status=answer.status, headers=_headers(answer), body=body, cut=cut, timings=link.meter.timings
        )

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            await self._idle.pop().connection.aclose()

    async def _take(self, url: WebURL) -> _Link:
        """A connection to where a URL leads: the one used last, or a new one that connects at its first request."""
        route = _Route(url.scheme, url.host, url.port, url.trusted)
        while (link := self._unused(route)) is not None:
            if not link.connection.has_expired():
                link.meter.restart()
                return link
            await link.connection.aclose()
        return self._opened(route, url)

    def _unused(self, route: _Route) -> _Link | None:
        for index in reversed(range(len(self._idle))):
            if self._idle[index].route == route:
                return self._idle.pop(index)
        return None

    def _opened(self, route: _Route, url: WebURL) -> _Link:
        meter = Meter()
        proxy = self._proxies.proxy_for(url)
        backend = GuardedBackend(
            policy=None if url.trusted or proxy else self._guard.policy,
            resolver=self._resolver,
            meter=meter,
            dns_timeout_seconds=self._dns_timeout_seconds,
        )
        maker = httpcore.AsyncConnectionPool(
            ssl_context=self._ssl_context, proxy=proxy, network_backend=backend, keepalive_expiry=KEEPALIVE_SECONDS
        )
        origin = httpcore.Origin(url.scheme.encode(), url.host.encode(), url.port)
        return _Link(route, maker.create_connection(origin), meter)

    async def _release(self, link: _Link) -> None:
        if not link.connection.is_available():
            await link.connection.aclose()
            return
        self._idle.append(link)
        if len(self._idle) > MAX_IDLE_CONNECTIONS:
            await self._idle.pop(0).connection.aclose()

    async def _head(self, link: _Link, request: HttpRequest, deadline: float) -> httpcore.Response:
        try:
            async with asyncio.timeout_at(deadline):
                answer = await link.connection.handle_async_request(self._written(request))
        except _FAILURES as error:
            raise ExchangeError(_fault(error, link.meter), link.meter.timings) from error
        link.meter.head_received()
        return answer

    def _written(self, request: HttpRequest) -> httpcore.Request:
        url = request.url
        headers = [("Host", url.authority), *request.headers.items()]
        if request.method != "GET":
            headers.append(("Content-Length", str(len(request.body))))
        return httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.scheme, host=url.host, port=url.port, target=url.target),
            headers=headers,
            content=_Chunks(request.body),
            extensions={"timeout": {"connect": self._connect_timeout_seconds}},
        )


class _Chunks:
    """A body in pieces, so that a large one waits for its receiver instead of filling buffers."""

    def __init__(self, body: bytes) -> None:
        self._body = memoryview(body)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), _WRITE_BYTES):
            yield bytes(self._body[start : start + _WRITE_BYTES])


async def _body(
    link: _Link, answer: httpcore.Response, max_bytes: int, deadline: float
) -> tuple[bytes, ExchangeFault | None]:
    """What of the body arrives in time, and why that is not all of it."""
    body = bytearray()
    try:
        async with asyncio.timeout_at(deadline):
            cut = await _read(answer, body, max_bytes)
            await answer.aclose()
    except _FAILURES as error:
        cut = _fault(error, link.meter)
    return bytes(body), cut


async def _read(answer: httpcore.Response, body: bytearray, max_bytes: int) -> ExchangeFault | None:
    """Read into `body`; what was read stays there whatever happens later."""
    chunks = 0
    async for chunk in answer.aiter_stream():
        chunks += 1
        if chunks % _CHUNKS_PER_TURN == 0:
            await asyncio.sleep(0)
        room = max_bytes - len(body)
        body += chunk[:room]
        if len(chunk) > room:
            return ExchangeFault.BODY_TOO_LARGE
    return None


def _fault(error: Exception, meter: Meter) -> ExchangeFault:
    match error:
        case WireError():
            return error.fault
        case TimeoutError():
            return ExchangeFault.TIMEOUT
        case httpcore.ProxyError():
            return ExchangeFault.PROXY_ERROR
        case _:
            return ExchangeFault.CONNECTION_CLOSED if meter.ended else ExchangeFault.PROTOCOL_ERROR


def _headers(answer: httpcore.Response) -> Mapping[str, str]:
    """Fields by lower-case name; of several with one name the first."""
    return {name.decode("ascii").lower(): value.decode("latin-1") for name, value in reversed(answer.headers)}
