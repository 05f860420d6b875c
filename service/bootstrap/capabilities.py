"""What implements the ports, built from the settings."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from service.api.services import StorageDescription
from service.bootstrap.databases import open_database
from service.bootstrap.engines import QueueingEngine, open_engine
from service.bootstrap.limits import open_bounds
from service.bootstrap.providers import build_providers
from service.bootstrap.sharing import check_shared
from service.bootstrap.storages import build_storage
from service.bootstrap.web import build_web
from service.callbacks.sender import HttpCallbackSender
from service.config.settings import Settings
from service.domain.work import WorkKind
from service.imaging.pool import PillowImaging
from service.ledger.batch_ledger import SqlBatchLedger
from service.ledger.database import Database
from service.ledger.ledger import SqlLedger
from service.net.fetch import GuardedFetcher
from service.ports.clock import Clock
from service.ports.storage import FileLinks, Storage
from service.providers.local import LocalProvider
from service.providers.registry import Registry
from service.storage.metered import MeteredStorage
from service.telemetry.metrics import Metrics

STREAMS = 64
"""Streams of batches that are worked on at a time; a batch has a few."""


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Everything that implements a port."""

    clock: Clock
    database: Database
    ledger: SqlLedger
    batches: SqlBatchLedger
    engine: QueueingEngine
    storage: Storage
    storage_description: StorageDescription
    files: FileLinks | None
    imaging: PillowImaging
    fetcher: GuardedFetcher
    callbacks: HttpCallbackSender
    providers: Registry
    local: LocalProvider


async def build(settings: Settings, stack: AsyncExitStack, metrics: Metrics) -> Capabilities:
    """Build what the settings name; the stack closes it all, the last first.

    Raises:
        ConfigurationError: the processes of a fleet would not have the same pictures or secrets.
        LedgerUnavailableError: the database cannot be reached, or has another version's schema.
        StorageError: the local folder cannot be used.
    """
    check_shared(settings)
    clock = SystemClock()
    database, feed = await open_database(settings.database, stack)
    engine = await open_engine(
        settings.database,
        database,
        stack,
        clock=clock,
        concurrency={
            WorkKind.JOB: settings.jobs.worker_concurrency,
            WorkKind.SHARD: STREAMS,
            WorkKind.DELIVERY: settings.jobs.delivery_concurrency,
            WorkKind.HOUSEKEEPING: 1,
        },
    )
    ledger = SqlLedger(database, queue=engine, feed=feed)
    storage, files, description = build_storage(settings, clock)
    stack.push_async_callback(storage.close)
    imaging = PillowImaging(
        workers=settings.pictures.imaging_workers,
        max_bytes=settings.pictures.max_image_bytes,
        max_pixels=settings.pictures.max_image_pixels,
    )
    stack.push_async_callback(imaging.close)
    bounds = await open_bounds(settings.database, database, stack, clock=clock)
    fetcher, callbacks = build_web(settings, stack, clock=clock, limits=bounds.limits)
    local = LocalProvider(imaging)
    return Capabilities(
        clock=clock,
        database=database,
        ledger=ledger,
        batches=SqlBatchLedger(database, queue=engine, feed=feed),
        engine=engine,
        storage=MeteredStorage(storage, metrics),
        storage_description=description,
        files=files,
        imaging=imaging,
        fetcher=fetcher,
        callbacks=callbacks,
        providers=build_providers(settings, stack, clock=clock, local=local, imaging=imaging, bounds=bounds),
        local=local,
    )
