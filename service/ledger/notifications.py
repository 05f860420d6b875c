"""Events that other processes write, heard of through Postgres."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

import psycopg
import structlog
from psycopg import sql
from psycopg.conninfo import make_conninfo

from service.ledger.events import CHANNEL
from service.ledger.feed import Feed
from service.ledger.postgres_connections import connection_parameters

_log = structlog.get_logger()
_PAUSE_SECONDS = 1.0
_PROBE_SECONDS = 20.0


class Notifications:
    """Tells a feed what any process writes, on a connection of its own; a context manager.

    While the connection is away listeners hear of this process's events alone. Once it is back all of them are woken,
    because nobody can tell what they have missed.

    Args:
        url: The database that the events are written to.
        feed: Is told on the event loop that the context was entered on.
    """

    def __init__(self, url: str, feed: Feed) -> None:
        self._url = url
        self._feed = feed
        self._listening: asyncio.Task[None] | None = None
        self._away = False

    async def __aenter__(self) -> Self:
        self._listening = asyncio.create_task(self._listen_for_ever())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - whatever it was, listeners rely on its being tried again
                if not self._away:
                    _log.warning("events of other processes are not heard", error=repr(error))
                self._away = True
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _listen(self) -> None:
        parameters = make_conninfo(**connection_parameters(self._url))
        async with await psycopg.AsyncConnection.connect(parameters, autocommit=True) as connection:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
            if self._away:
                _log.info("events of other processes are heard again")
            self._away = False
            self._feed.announce_all()
            while True:
                async for notification in connection.notifies(timeout=_PROBE_SECONDS):
                    self._feed.announce(notification.payload)
                async with asyncio.timeout(_PROBE_SECONDS):
                    await connection.execute("SELECT")
