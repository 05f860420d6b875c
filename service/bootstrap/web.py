"""The two clients that go to addresses which callers name, both behind the guard."""

from __future__ import annotations

from contextlib import AsyncExitStack
from importlib.metadata import version

from service.callbacks.rewrites import Rewrites
from service.callbacks.sender import HttpCallbackSender
from service.config.settings import Settings
from service.net.client import GuardedClient
from service.net.fetch import GuardedFetcher
from service.net.guard import AddressPolicy, URLGuard
from service.net.proxies import Proxies
from service.net.resolver import SystemResolver
from service.ports.clock import Clock
from service.ports.limits import Limits

_USER_AGENT = f"Afterimage/{version('afterimage')}"


def build_web(
    settings: Settings, stack: AsyncExitStack, *, clock: Clock, limits: Limits
) -> tuple[GuardedFetcher, HttpCallbackSender]:
    """What downloads pictures, and what sends callbacks; the stack closes both."""
    resolver, proxies = SystemResolver(), _proxies(settings)
    fetch, send = (
        GuardedClient(
            guard=URLGuard(policy=AddressPolicy(map(str, group.allow_networks)), allow_http=group.allow_http),
            resolver=resolver,
            proxies=proxies,
        )
        for group in (settings.fetching, settings.callbacks)
    )
    stack.callback(resolver.close)
    stack.push_async_callback(fetch.close)
    stack.push_async_callback(send.close)
    sender = HttpCallbackSender(
        client=send,
        user_agent=_USER_AGENT,
        clock=clock,
        limits=limits,
        rewrites=Rewrites(settings.callbacks.url_rewrites),
        timeout_seconds=settings.callbacks.timeout_seconds,
    )
    return GuardedFetcher(client=fetch, user_agent=_USER_AGENT, clock=clock), sender


def _proxies(settings: Settings) -> Proxies:
    group = settings.proxies
    return Proxies(
        http=group.http_proxy.get_secret_value() if group.http_proxy else None,
        https=group.https_proxy.get_secret_value() if group.https_proxy else None,
        bypass=group.no_proxy,
    )
