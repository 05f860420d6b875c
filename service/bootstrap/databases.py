"""The database that the settings name; the driver of one that they do not name is not loaded."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from service.config.database import DatabaseSettings
from service.ledger.database import Database
from service.ledger.feed import Feed
from service.ledger.migration import check_schema, migrate, migrate_postgres
from service.ledger.sqlite import SqliteDatabase


async def open_database(settings: DatabaseSettings, stack: AsyncExitStack) -> tuple[Database, Feed]:
    """Open the database, and what tells of the events in it; the stack closes both.

    A file is brought to this version's schema first: with one process per folder nobody else can be in the way. A
    server's database is left alone, because other processes may need it as it is.

    Raises:
        LedgerUnavailableError: the database cannot be reached, or has another version's schema.
    """
    feed = Feed()
    if settings.postgres_url is None:
        await asyncio.to_thread(migrate, settings.database_file)
        file = SqliteDatabase(settings.database_file)
        stack.push_async_callback(file.close)
        return file, feed
    from service.engine.queue_schema import check_queue
    from service.ledger.notifications import Notifications
    from service.ledger.postgres import PostgresDatabase

    server = PostgresDatabase(settings.postgres_url, connections=settings.database_connections)
    stack.push_async_callback(server.close)
    await server.read(check_schema)
    await server.read(check_queue)
    await stack.enter_async_context(Notifications(settings.postgres_url, feed))
    return server, feed


def migrate_database(settings: DatabaseSettings) -> str:
    """Bring the database to this version's schema; returns what to call it.

    Raises:
        LedgerUnavailableError: the database cannot be reached, or was written by a later version.
    """
    if settings.postgres_url is None:
        migrate(settings.database_file)
        return str(settings.database_file)
    from service.engine.queue_schema import migrate_queue

    migrate_postgres(settings.postgres_url, migrate_queue)
    return "the database"
