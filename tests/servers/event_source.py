"""A client of event streams that does what the HTML standard asks of browsers (section 9.2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

_BACK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Told:
    """One dispatched event."""

    id: str
    event: str
    data: dict[str, Any]


@dataclass(slots=True)
class EventSource:
    """Follows one stream for as long as the server wants: comes back with the last id until it is answered 204.

    Args:
        leaves_after: Hangs up after so many events of each connection.
    """

    client: httpx.AsyncClient
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    leaves_after: int | None = None
    told: list[Told] = field(default_factory=list)
    comments: int = 0
    connections: int = 0

    async def follow(self) -> list[Told]:
        """All events, once the server has no more."""
        while True:
            with suppress(httpx.TransportError):  # it is not there, or was killed
                async with self._connected() as answer:
                    if answer.status_code == httpx.codes.NO_CONTENT:
                        return self.told
                    assert answer.status_code == httpx.codes.OK, await answer.aread()
                    self.connections += 1
                    await self._read(answer)
            await asyncio.sleep(_BACK_SECONDS)

    async def once(self) -> list[Told]:
        """The events of one connection, up to the end that the server gives it."""
        async with self._connected() as answer:
            assert answer.status_code == httpx.codes.OK, await answer.aread()
            await self._read(answer)
        return self.told

    def _connected(self) -> Any:
        last = {"Last-Event-ID": self.told[-1].id} if self.told else {}
        return self.client.stream("GET", self.path, headers=self.headers | last)

    async def _read(self, answer: httpx.Response) -> None:
        assert answer.headers["content-type"].partition(";")[0] == "text/event-stream"
        before = len(self.told)
        async with aclosing(self._dispatched(answer)) as events:
            async for told in events:
                self.told.append(told)
                if len(self.told) - before == self.leaves_after:
                    return

    async def _dispatched(self, answer: httpx.Response) -> AsyncIterator[Told]:
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
            elif "data" in fields:  # an unfinished block is dropped, as the standard says
                yield Told(fields["id"], fields["event"], json.loads(fields["data"]))
                fields = {}
            else:
                fields = {}
