"""A resolver whose answers a test decides, at the seam where the service would ask the operating system."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address


class Names:
    """Names to addresses; the last answer of several is repeated.

    Args:
        answers: Name to lists of addresses, one list per look-up.
        delay_seconds: How long every look-up takes.
    """

    def __init__(self, delay_seconds: float = 0.0, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): list(lists) for name, lists in answers.items()}
        self._delay_seconds = delay_seconds
        self.asked: list[str] = []

    async def resolve(self, host: str) -> Sequence[IPv4Address | IPv6Address]:
        self.asked.append(host)
        await asyncio.sleep(self._delay_seconds)
        lists = self._answers.get(host)
        if not lists:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = lists.pop(0) if len(lists) > 1 else lists[0]
        return [ip_address(address) for address in addresses]
