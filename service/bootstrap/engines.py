"""The engine that goes with the database."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Protocol

from service.config.database import DatabaseSettings
from service.domain.work import WorkKind
from service.engine.embedded import EmbeddedEngine
from service.ledger.database import Database
from service.ledger.work import SqlWorkStore
from service.ports.clock import Clock
from service.ports.engine import Engine, WorkQueue


class QueueingEngine(Engine, WorkQueue, Protocol):
    """An engine, which is also where the ledger puts work."""


async def open_engine(
    settings: DatabaseSettings,
    database: Database,
    stack: AsyncExitStack,
    *,
    clock: Clock,
    concurrency: Mapping[WorkKind, int],
) -> QueueingEngine:
    """Build the engine; the stack closes what it needs.

    Raises:
        LedgerUnavailableError: its queue cannot be reached.
    """
    if settings.postgres_url is None:
        return EmbeddedEngine(store=SqlWorkStore(database), clock=clock, concurrency=concurrency)
    from service.engine.procrastinate import ProcrastinateEngine
    from service.engine.queue import Queue
    from service.ledger.postgres_connections import connection_parameters

    queue = Queue(connection_parameters(settings.postgres_url))
    await queue.open()
    stack.push_async_callback(queue.close)
    return ProcrastinateEngine(queue=queue, clock=clock, concurrency=concurrency)
