"""Connecting: the place where addresses are checked, because a name may resolve differently every time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

import httpcore

from service.net.guard import AddressPolicy, IPAddress
from service.net.meter import Meter, MeteredStream, WireError
from service.net.resolver import Resolver
from service.ports.http import ExchangeFault


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects one connection, and only to addresses that it has checked itself.

    One forbidden address among those of a name rejects the name. Nothing is sent to a forbidden address, so that its
    open and closed ports look the same. TLS and the Host field are httpcore's and use the name.

    Args:
        policy: Which addresses are allowed; None where the operator named the host.
        meter: Told how long resolving and connecting took.
    """

    def __init__(
        self, *, policy: AddressPolicy | None, resolver: Resolver, meter: Meter, dns_timeout_seconds: float
    ) -> None:
        self._policy = policy
        self._resolver = resolver
        self._meter = meter
        self._dns_timeout_seconds = dns_timeout_seconds
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,  # noqa: ARG002 - never given by the client
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 - the same
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, check, connect.

        Raises:
            WireError: with the fault that says where it ended.
        """
        with self._meter.phase("dns_ms"):
            addresses = await self._addresses(host)
        if self._policy is not None and not all(map(self._policy.permits, addresses)):
            raise WireError(ExchangeFault.FORBIDDEN_ADDRESS)
        with self._meter.phase("connect_ms"):
            return MeteredStream(await self._connect(addresses, port, timeout), self._meter)

    async def _addresses(self, host: str) -> Sequence[IPAddress]:
        try:
            return (ip_address(host),)
        except ValueError:
            pass
        try:
            async with asyncio.timeout(self._dns_timeout_seconds):
                addresses = await self._resolver.resolve(host)
        except TimeoutError:
            raise WireError(ExchangeFault.DNS_TIMEOUT) from None
        except OSError:
            addresses = ()
        if not addresses:
            raise WireError(ExchangeFault.DNS_FAILURE)
        return addresses

    async def _connect(
        self,
        addresses: Sequence[IPAddress],
        port: int,
        timeout: float | None,  # noqa: ASYNC109 - shared out among the addresses
    ) -> httpcore.AsyncNetworkStream:
        """Try the addresses in turn; each gets its share of the time, so a dead one leaves some for the rest."""
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        fault = ExchangeFault.CONNECT_FAILED
        for index, address in enumerate(addresses):
            share = None if deadline is None else (deadline - loop.time()) / (len(addresses) - index)
            try:
                return await self._sockets.connect_tcp(str(address), port, timeout=share)
            except httpcore.ConnectTimeout:
                fault = ExchangeFault.CONNECT_TIMEOUT
            except httpcore.ConnectError as error:
                fault = ExchangeFault.CONNECT_REFUSED if _refused(error) else ExchangeFault.CONNECT_FAILED
        raise WireError(fault)


def _refused(error: BaseException | None) -> bool:
    """Whether the peer's machine answered that nobody listens; httpcore and anyio wrap that twice."""
    while error is not None and not isinstance(error, ConnectionRefusedError):
        error = error.__cause__
    return error is not None
