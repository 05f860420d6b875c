"""Clients with the settings of a test, and one exchange at a time through them."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service.net.client import GuardedClient
from service.net.guard import AddressPolicy, URLGuard
from service.net.proxies import Proxies
from service.net.resolver import Resolver
from service.ports.http import ExchangeError, HttpAnswer, HttpRequest
from tests.servers.names import Names

LOOPBACK = ("127.0.0.0/8", "::1/128")


@asynccontextmanager
async def opened(
    *networks: str,
    names: Resolver | None = None,
    tls: ssl.SSLContext | None = None,
    proxies: Proxies | None = None,
    dns_timeout_seconds: float = 30.0,
    connect_timeout_seconds: float = 30.0,
) -> AsyncIterator[GuardedClient]:
    client = GuardedClient(
        guard=URLGuard(policy=AddressPolicy(networks), allow_http=True),
        resolver=names or Names(),
        ssl_context=tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        proxies=proxies,
        dns_timeout_seconds=dns_timeout_seconds,
        connect_timeout_seconds=connect_timeout_seconds,
    )
    try:
        yield client
    finally:
        await client.close()


async def ask(client: GuardedClient, url: str, *, trusted: bool = False, **changes: Any) -> HttpAnswer:
    """One exchange, a GET of at most 1000 bytes in 30 s where the test does not say otherwise."""
    usual = {"method": "GET", "headers": {}, "timeout_seconds": 30, "max_body_bytes": 1000}
    return await client.exchange(HttpRequest(**usual | {"url": client.admit(url, trusted=trusted)} | changes))


async def fault(client: GuardedClient, url: str, *, trusted: bool = False, **changes: Any) -> ExchangeError:
    """The error of an exchange that must fail."""
    with pytest.raises(ExchangeError) as failed:
        await ask(client, url, trusted=trusted, **changes)
    return failed.value
