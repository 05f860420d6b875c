"""What implements the ports, built from the settings; a vendor's SDK is loaded where it is configured."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import structlog

from service.api.services import StorageDescription
from service.bootstrap.databases import open_database
from service.bootstrap.engines import QueueingEngine, open_engine
from service.bootstrap.limits import Bounds, open_bounds
from service.bootstrap.secrets import link_key
from service.bootstrap.sharing import check_shared
from service.callbacks.rewrites import Rewrites
from service.callbacks.sender import HttpCallbackSender
from service.config.faults import ConfigurationError, VariableFault
from service.config.settings import Settings
from service.config.storage import CosSettings, R2Settings
from service.domain.work import WorkKind
from service.imaging.pool import PillowImaging
from service.ledger.batch_ledger import SqlBatchLedger
from service.ledger.database import Database
from service.ledger.ledger import SqlLedger
from service.net.client import GuardedClient
from service.net.fetch import GuardedFetcher
from service.net.guard import AddressPolicy, URLGuard
from service.net.proxies import Proxies
from service.net.resolver import SystemResolver
from service.ports.clock import Clock
from service.ports.provider import Provider
from service.ports.storage import FileLinks, Storage
from service.providers.circuit import Circuit
from service.providers.concurrency import Limiter
from service.providers.guarded import GuardedProvider
from service.providers.local import LocalProvider
from service.providers.plugins import load_plugins
from service.providers.prices import Prices
from service.providers.registry import Registry
from service.storage.folder import FolderStorage
from service.storage.metered import MeteredStorage
from service.storage.target import S3Target
from service.storage.vendors import cos, r2
from service.telemetry.metrics import Metrics

_log = structlog.get_logger()
_USER_AGENT = f"Afterimage/{version('afterimage')}"
_FOLDER_BUCKET = "pictures"
_OPENAI = "openai"  # also where it is not configured, and not loaded
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
    storage, files, description = _storage(settings, clock)
    stack.push_async_callback(storage.close)
    imaging = PillowImaging(
        workers=settings.pictures.imaging_workers,
        max_bytes=settings.pictures.max_image_bytes,
        max_pixels=settings.pictures.max_image_pixels,
    )
    stack.push_async_callback(imaging.close)
    bounds = await open_bounds(settings.database, database, stack, clock=clock)
    fetcher, callbacks = _web(settings, stack, clock, bounds)
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
        providers=_providers(settings, stack, clock, local, imaging, bounds),
        local=local,
    )


def _storage(settings: Settings, clock: Clock) -> tuple[Storage, FileLinks | None, StorageDescription]:
    store, objects = settings.store, settings.objects
    files: FileLinks | None = None
    storage: Storage
    target: S3Target | None = None
    match store:
        case CosSettings():
            target = cos(
                endpoint=store.endpoint,
                region=store.region,
                access_key_id=store.access_key_id,
                secret_access_key=store.secret_access_key,
                input_bucket=store.input_bucket,
                output_bucket=store.output_bucket,
            )
            kind, storage = "cos", _s3(target)
        case R2Settings():
            target = r2(
                endpoint=store.endpoint,
                access_key_id=store.access_key_id,
                secret_access_key=store.secret_access_key,
                bucket=store.bucket_name,
                public_url=store.public_url,
            )
            kind, storage = "r2", _s3(target)
        case None:
            folder = FolderStorage(
                root=settings.database.data_dir / "storage",
                input_bucket=_FOLDER_BUCKET,
                output_bucket=_FOLDER_BUCKET,
                link_base_url=settings.server.public_url,
                link_key=link_key(settings),
                clock=clock,
            )
            kind, storage, files = "folder", folder, folder
    description = StorageDescription(
        kind=kind,
        endpoint=target.endpoint if target else None,
        region=target.region if target else None,
        input_bucket=storage.input_bucket,
        output_bucket=storage.output_bucket,
        input_prefix=objects.input_prefix,
        output_prefix=objects.output_prefix,
        presign_expires_seconds=objects.presign_expires,
        public_url=target.public_url if target else None,
    )
    return storage, files, description


def _s3(target: S3Target) -> Storage:
    from service.storage.s3 import S3Storage

    return S3Storage(target)


def _web(
    settings: Settings, stack: AsyncExitStack, clock: Clock, bounds: Bounds
) -> tuple[GuardedFetcher, HttpCallbackSender]:
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
        limits=bounds.limits,
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


def _providers(
    settings: Settings,
    stack: AsyncExitStack,
    clock: Clock,
    local: LocalProvider,
    imaging: PillowImaging,
    bounds: Bounds,
) -> Registry:
    group, openai = settings.provider, settings.openai

    def guarded(provider: Provider) -> Provider:
        stack.push_async_callback(provider.close)
        return GuardedProvider(
            provider,
            circuit=Circuit(
                provider.name,
                outages=bounds.outages,
                clock=clock,
                open_seconds=group.circuit_open_seconds,
                lost_seconds=2 * group.provider_timeout_seconds,
            ),
            limiter=Limiter(
                f"calls to {provider.name}",
                most=group.provider_concurrency,
                most_per_tenant=group.tenant_concurrency,
                per_minute=group.provider_calls_per_minute,
                limits=bounds.limits,
                clock=clock,
            ),
        )

    providers: list[Provider] = []
    if openai.api_key is not None:
        from service.providers.openai import OpenAIProvider

        providers.append(
            guarded(
                OpenAIProvider(
                    api_key=openai.api_key.get_secret_value(),
                    base_url=openai.base_url,
                    models=openai.image_model,
                    prices=_prices(openai.image_prices_file),
                    quality=openai.image_quality,
                )
            )
        )
    plugins = load_plugins(os.environ, imaging, taken={local.name, _OPENAI})
    for fault in plugins.faults:
        _log.error("provider plug-in left out", plugin=fault.name, detail=fault.detail)
    providers += map(guarded, plugins.providers)
    return Registry([*providers, local])


def _prices(file: Path | None) -> Prices:
    try:
        return Prices.load(file)
    except ValueError as error:  # pydantic's among them
        raise ConfigurationError(
            (VariableFault("OPENAI_IMAGE_PRICES_FILE", f"{file} is no table of prices ({error})"),)
        ) from error
