"""The process: start in order, serve, drain, stop."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from enum import Enum

import structlog
import uvicorn
from fastapi import FastAPI
from starlette.types import Lifespan
from uvicorn.loops.auto import auto_loop_factory as fastest_loop

from service.api.app import create_app
from service.api.probes import create_probes
from service.bootstrap.capabilities import Capabilities, build
from service.bootstrap.service import Service, join
from service.config.settings import Settings
from service.engine.lock import hold_folder
from service.telemetry.backlog import Backlog
from service.telemetry.lag import measure_loop_lag
from service.telemetry.logs import configure_logging
from service.telemetry.metrics import Metrics
from service.usecases.health import Readiness

_log = structlog.get_logger()
_DRAIN_SECONDS = 5  # for requests that are being answered when the process is told to stop
_MOST_SOCKET_BYTES = 4096  # of what a client says through a WebSocket; nobody listens


class Role(Enum):
    """What a process does. With SQLite there is one, which does both."""

    API = "api"
    WORKER = "worker"
    BOTH = "both"

    @property
    def works(self) -> bool:
        """Whether it works off jobs and deliveries."""
        return self is not Role.API


def serve(settings: Settings, role: Role) -> None:
    """Serve until SIGTERM or Ctrl-C; a worker serves its probes alone."""
    configure_logging(level=settings.logs.level, log_format=settings.logs.format, stream=sys.stderr)
    # uvicorn would choose the fastest loop there is, but what it serves must be built on the same one.
    with asyncio.Runner(loop_factory=fastest_loop()) as runner:
        runner.run(_serve(settings, role))


async def check(settings: Settings) -> list[tuple[str, bool, str]]:
    """Ask every component once: its name, whether it answers, and what is wrong."""
    async with AsyncExitStack() as stack:
        parts = await build(settings, stack, Metrics())
        pings = {"database": parts.ledger.ping, "storage": parts.storage.ping}
        pings |= {f"provider {one.name}": one.ping for one in parts.providers}
        findings = await Readiness(pings, timeout_seconds=10)()
        return [(finding.component, finding.ok, finding.detail) for finding in findings]


async def _serve(settings: Settings, role: Role) -> None:
    async with AsyncExitStack() as stack:
        metrics = Metrics()
        if settings.database.postgres_url is None:
            stack.enter_context(hold_folder(settings.database.data_dir))
        parts = await build(settings, stack, metrics)
        service = join(settings, parts, metrics, works=role.works)
        probes = role is Role.WORKER
        app = create_probes(service.services) if probes else create_app(service.services, service.options)
        app.router.lifespan_context = _lifespan(settings, parts, service, metrics, role)
        server = _Server(
            uvicorn.Config(
                app,
                host=settings.server.host,
                port=settings.server.worker_port if probes else settings.server.port,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
                ws_max_size=_MOST_SOCKET_BYTES,
                ws_per_message_deflate=False,  # costs memory, and there is nothing to gain with short messages
            ),
            end_streams=service.services.follow.stop,
        )
        await server.serve()


class _Server(uvicorn.Server):
    """Ends the streams before it waits for what is being answered: by themselves they end with their jobs."""

    def __init__(self, config: uvicorn.Config, *, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._end_streams()
        await super().shutdown(sockets)


def _lifespan(
    settings: Settings, parts: Capabilities, service: Service, metrics: Metrics, role: Role
) -> Lifespan[FastAPI]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        metrics.watch(lambda: _backlog(parts))
        lag = asyncio.create_task(measure_loop_lag(metrics))
        await parts.imaging.start()
        await service.prune.schedule()
        await parts.engine.start(service.handlers if role.works else {})
        _tune_interpreter()
        _log.info("serving", role=role.value, url=settings.server.public_url, storage=parts.storage_description.kind)
        try:
            yield
        finally:
            service.readiness.drain()
            await parts.engine.stop(grace_seconds=settings.server.shutdown_grace_seconds)
            lag.cancel()
            with suppress(asyncio.CancelledError):
                await lag
            _log.info("stopped")

    return lifespan


def _tune_interpreter() -> None:
    """Keep the event loop prompt beside busy threads and with a thousand calls in flight."""
    sys.setswitchinterval(0.0005)  # seconds a thread may keep the others waiting; a tenth of what Python allows
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


async def _backlog(parts: Capabilities) -> Backlog:
    oldest = await parts.ledger.oldest_pending_delivery()
    return Backlog(
        waiting={kind.value: count for kind, count in (await parts.engine.depth()).items()},
        in_flight={kind.value: count for kind, count in parts.engine.in_flight().items()},
        records=await parts.ledger.counts(),
        oldest_delivery_seconds=(parts.clock.now() - oldest).total_seconds() if oldest else 0.0,
    )
