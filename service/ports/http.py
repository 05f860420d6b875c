"""The seam to HTTP peers that nobody vouches for: one bounded exchange through the address guard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class ExchangeFault(StrEnum):
    """Why an exchange failed, in stable words."""

    FORBIDDEN_ADDRESS = "forbidden_address"
    DNS_FAILURE = "dns_failure"
    DNS_TIMEOUT = "dns_timeout"
    CONNECT_REFUSED = "connect_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECT_FAILED = "connect_failed"  # no route, network down
    TLS_ERROR = "tls_error"
    PROXY_ERROR = "proxy_error"
    CONNECTION_RESET = "connection_reset"
    CONNECTION_CLOSED = "connection_closed"  # in the middle of the answer, or before it
    PROTOCOL_ERROR = "protocol_error"  # what came is not HTTP
    HEADERS_TOO_LARGE = "headers_too_large"
    BODY_TOO_LARGE = "body_too_large"
    TIMEOUT = "timeout"  # the whole exchange took too long


@dataclass(frozen=True, slots=True, kw_only=True)
class WebURL:
    """A parsed http or https URL.

    Attributes:
        host: A lower-case ASCII name or an IP address, without brackets and without a final dot.
        target: Path and query exactly as they were written.
        trusted: Named by the operator, not by a caller: the address guard does not apply and no proxy is used.
    """

    scheme: str
    host: str
    port: int
    target: str
    trusted: bool = False

    @property
    def authority(self) -> str:
        """The value of the Host field: the port is left out where it is the scheme's own (RFC 9110, section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request.

    Attributes:
        headers: All but Host and Content-Length.
        timeout_seconds: The most that the exchange may take in all, whatever the peer drips.
        max_body_bytes: Where reading the answer stops.
    """

    method: str
    url: WebURL
    headers: Mapping[str, str]
    timeout_seconds: float
    max_body_bytes: int
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How long the phases took, in milliseconds; None where one was not reached, or a kept connection spared it.

    Attributes:
        first_byte_ms: From the first byte of the request to the first byte of the answer.
    """

    dns_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    first_byte_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What came back.

    Attributes:
        headers: By lower-case name; of several, the first.
        body: Raw bytes as they came, without any decoding.
        cut: Why `body` is not the whole body; None when it is.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: ExchangeFault | None
    timings: Timings = field(default_factory=Timings)


class ExchangeError(Exception):
    """No answer came; `fault` says why."""

    def __init__(self, fault: ExchangeFault, timings: Timings) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.timings = timings


class HttpClient(Protocol):
    """Talks to peers, following no redirects and keeping no cookies."""

    def admit(self, url: str, *, trusted: bool = False) -> WebURL:
        """Parse a URL and refuse what can be known to be wrong about it without resolving its name.

        Args:
            trusted: The host was named by the operator: any address and plain http are in order.

        Raises:
            ForbiddenURLError: from `service.ports.fetching`.
        """
        ...

    async def exchange(self, request: HttpRequest) -> HttpAnswer:
        """Send one request and read its answer.

        Raises:
            ExchangeError: there was none.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
