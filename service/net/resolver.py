"""Resolving names without blocking the event loop, and without one dead name holding up the others."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Protocol

from service.net.guard import IPAddress


class Resolver(Protocol):
    """Finds the addresses of a name."""

    async def resolve(self, host: str) -> Sequence[IPAddress]:
        """All addresses of a host, those to be tried first leading.

        Raises:
            OSError: the name does not exist, or no name server answers.
        """
        ...


class SystemResolver:
    """The operating system's resolver.

    ``getaddrinfo`` cannot be interrupted and may hold its thread for half a minute. So it runs in threads of its own,
    and all who ask for one name at the same time share one look-up: a dead name takes one thread, not all.

    Args:
        threads: How many names are looked up at the same time.
    """

    def __init__(self, *, threads: int = 16) -> None:
        self._executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="resolver")
        self._running: dict[str, asyncio.Future[list[IPAddress]]] = {}

    async def resolve(self, host: str) -> Sequence[IPAddress]:
        """All addresses of a host; a look-up goes on for the others when one caller stops waiting."""
        running = self._running.get(host)
        if running is None:
            running = asyncio.get_running_loop().run_in_executor(self._executor, _look_up, host)
            running.add_done_callback(lambda done: self._forget(host, done))
            self._running[host] = running
        return await asyncio.shield(running)

    def close(self) -> None:
        """Stop looking names up."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _forget(self, host: str, done: asyncio.Future[list[IPAddress]]) -> None:
        del self._running[host]
        if not done.cancelled():
            done.exception()  # seen, even when nobody waits any more


def _look_up(host: str) -> list[IPAddress]:
    # As bytes: for text Python applies the withdrawn IDNA 2003 once more.
    found = socket.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM)
    addresses = (str(socket_address[0]).partition("%")[0] for *_, socket_address in found)
    return [ip_address(address) for address in dict.fromkeys(addresses)]
