"""Fetching pictures from URLs that callers name."""

from __future__ import annotations

import time
from urllib.parse import urldefrag, urljoin

from service.domain.retry_after import parse_retry_after
from service.ports.clock import Clock
from service.ports.fetching import FetchError, ForbiddenURLError
from service.ports.http import ExchangeError, ExchangeFault, HttpAnswer, HttpClient, HttpRequest, WebURL

FETCH_TIMEOUT_SECONDS = 30.0
MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_TIMEOUTS = frozenset({ExchangeFault.TIMEOUT, ExchangeFault.DNS_TIMEOUT, ExchangeFault.CONNECT_TIMEOUT})
_PERMANENT = frozenset({ExchangeFault.TLS_ERROR, ExchangeFault.PROTOCOL_ERROR, ExchangeFault.HEADERS_TOO_LARGE})


class GuardedFetcher:
    """Implements `service.ports.fetching.Fetcher` on a guarded client.

    Redirects are followed, at most `MAX_REDIRECTS` of them, and every step passes the guard anew.

    Args:
        client: Its guard decides where pictures may come from.
        user_agent: The value of the User-Agent field.
        timeout_seconds: The most that one picture may take, redirects included.
    """

    def __init__(
        self, *, client: HttpClient, user_agent: str, clock: Clock, timeout_seconds: float = FETCH_TIMEOUT_SECONDS
    ) -> None:
        self._client = client
        self._headers = {"User-Agent": user_agent, "Accept": "image/*", "Accept-Encoding": "identity"}
        self._clock = clock
        self._timeout_seconds = timeout_seconds

    def check(self, url: str) -> None:
        """Refuse what can be known to be wrong about a URL without resolving its name."""
        self._client.admit(url)

    async def fetch(self, url: str, *, max_bytes: int) -> bytes:
        """The body behind a URL.

        Raises:
            FetchError: with the code ``image_url_unreachable``, ``image_url_timeout``, ``image_url_status``,
                ``image_url_redirects`` or ``image_url_too_large``.
            ForbiddenURLError: the URL, or one that it redirects to, leads to where the service does not connect.
        """
        deadline = time.monotonic() + self._timeout_seconds
        step = self._client.admit(url)
        for _ in range(1 + MAX_REDIRECTS):
            answer = await self._get(step, max_bytes, deadline - time.monotonic())
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or location is None:
                return self._picture(answer, max_bytes)
            step = self._client.admit(_destination(step, location))
        raise FetchError("the picture's URL redirects too often", code="image_url_redirects", transient=False)

    async def close(self) -> None:
        """Release connections."""
        await self._client.close()

    async def _get(self, url: WebURL, max_bytes: int, timeout_seconds: float) -> HttpAnswer:
        request = HttpRequest(
            method="GET", url=url, headers=self._headers, timeout_seconds=timeout_seconds, max_body_bytes=max_bytes
        )
        try:
            return await self._client.exchange(request)
        except ExchangeError as error:
            if error.fault is ExchangeFault.FORBIDDEN_ADDRESS:
                raise ForbiddenURLError("the URL leads to an address that is not allowed") from None
            raise _unreachable(error.fault) from error

    def _picture(self, answer: HttpAnswer, max_bytes: int) -> bytes:
        if not 200 <= answer.status <= 299:  # noqa: PLR2004 - the class of success, RFC 9110 section 15.3
            raise FetchError(
                f"the picture's URL answered with status {answer.status}",
                code="image_url_status",
                transient=answer.status in _TRANSIENT_STATUSES,
                retry_after_seconds=parse_retry_after(answer.headers.get("retry-after"), now=self._clock.now()),
            )
        if answer.cut is ExchangeFault.BODY_TOO_LARGE:
            text = f"the picture behind the URL is larger than {max_bytes} bytes"
            raise FetchError(text, code="image_url_too_large", transient=False)
        if answer.cut is not None:
            raise _unreachable(answer.cut)
        return answer.body


def _destination(url: WebURL, location: str) -> str:
    """Where a redirect leads; its fragment is the business of browsers (RFC 9110, section 10.2.2)."""
    try:
        return urldefrag(urljoin(str(url), location)).url
    except ValueError:
        raise ForbiddenURLError("the URL redirects to what is no URL") from None


def _unreachable(fault: ExchangeFault) -> FetchError:
    if fault in _TIMEOUTS:
        return FetchError(
            f"the picture's URL did not answer in time ({fault})", code="image_url_timeout", transient=True
        )
    text = f"the picture's URL could not be read ({fault})"
    return FetchError(text, code="image_url_unreachable", transient=fault not in _PERMANENT)
