"""Metrics for Prometheus, told as facts: ``metrics.job_finished(…)``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import generate_latest

from service.telemetry.backlog import Backlog, BacklogCollector

ReadBacklog = Callable[[], Awaitable[Backlog]]

_log = structlog.get_logger()

# Upper bounds in seconds, each list about as fine as the question asked of it.
_JOB_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 900, 3600)
_WAIT_SECONDS = (0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900)
_PROVIDER_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 15, 20, 30, 45, 60, 90, 120, 300)
_STORAGE_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_CALLBACK_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
_LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    """The numbers of one process, in a registry of their own.

    Args:
        backlog_timeout_seconds: How long a scrape waits for the backlog.
    """

    def __init__(self, *, backlog_timeout_seconds: float = 2.0) -> None:
        self._backlog_timeout_seconds = backlog_timeout_seconds
        self._registry = registry = CollectorRegistry()
        self._backlog = BacklogCollector()
        self._read_backlog: ReadBacklog | None = None
        registry.register(self._backlog)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self._accepted = Counter(
            "afterimage_jobs_accepted", "Jobs accepted.", ["operation", "contract"], registry=registry
        )
        self._waited = _histogram(
            registry, "job_wait_seconds", "From acceptance to the first start.", _WAIT_SECONDS, "operation"
        )
        self._finished = Counter(
            "afterimage_jobs_finished",
            "Jobs in a final state.",
            ["operation", "provider", "source", "status"],
            registry=registry,
        )
        self._took = _histogram(
            registry, "job_duration_seconds", "From acceptance to the final state.", _JOB_SECONDS, "operation", "status"
        )
        self._fallbacks = Counter(
            "afterimage_fallbacks",
            "Outputs made locally in place of a provider.",
            ["provider", "reason"],
            registry=registry,
        )
        self._calls = _histogram(
            registry,
            "provider_call_seconds",
            "Calls of providers; the outcome is succeeded or the class of the failure.",
            _PROVIDER_SECONDS,
            "provider",
            "outcome",
        )
        self._storage = _histogram(
            registry,
            "storage_operation_seconds",
            "Operations of the storage.",
            _STORAGE_SECONDS,
            "operation",
            "outcome",
        )
        self._attempts = _histogram(
            registry,
            "callback_attempt_seconds",
            "Attempts at delivering a callback, by the state of the delivery after it.",
            _CALLBACK_SECONDS,
            "state",
        )
        self._lag = _histogram(registry, "event_loop_lag_seconds", "How late the event loop is.", _LAG_SECONDS)

    def watch(self, read: ReadBacklog) -> None:
        """Ask `read` for the backlog whenever the metrics are rendered."""
        self._read_backlog = read

    def job_accepted(self, operation: str, contract: str) -> None:
        """A request became a durable job."""
        self._accepted.labels(operation, contract).inc()

    def job_started(self, operation: str, *, wait_seconds: float) -> None:
        """A job was begun for the first time."""
        self._waited.labels(operation).observe(wait_seconds)

    def job_finished(self, *, operation: str, provider: str, source: str, status: str, seconds: float) -> None:
        """A job came to its final state, `seconds` after it was accepted."""
        self._finished.labels(operation, provider, source, status).inc()
        self._took.labels(operation, status).observe(seconds)

    def fell_back(self, *, reason: str, provider: str) -> None:
        """An output was made locally because `provider` could not."""
        self._fallbacks.labels(provider, reason).inc()

    def provider_called(self, *, provider: str, outcome: str, seconds: float) -> None:
        """A provider answered or failed; `outcome` is ``succeeded`` or the class of the failure."""
        self._calls.labels(provider, outcome).observe(seconds)

    def storage_called(self, *, operation: str, outcome: str, seconds: float) -> None:
        """The store answered or failed; `outcome` is ``succeeded`` or the failure's code."""
        self._storage.labels(operation, outcome).observe(seconds)

    def delivery_attempted(self, *, state: str, seconds: float) -> None:
        """A callback was tried; `state` is that of its delivery now."""
        self._attempts.labels(state).observe(seconds)

    def loop_lagged(self, *, seconds: float) -> None:
        """The event loop came to a sleeper that much too late."""
        self._lag.observe(seconds)

    async def render(self) -> bytes:
        """Everything in the Prometheus text format, version 0.0.4; without the backlog while the ledger is away."""
        self._backlog.backlog = await self._current_backlog()
        return generate_latest(self._registry)

    async def _current_backlog(self) -> Backlog | None:
        if self._read_backlog is None:
            return None
        try:
            async with asyncio.timeout(self._backlog_timeout_seconds):
                return await self._read_backlog()
        except Exception as error:  # noqa: BLE001 - the other numbers are wanted most when something is broken
            _log.warning("backlog not read", error=repr(error))
            return None


def _histogram(
    registry: CollectorRegistry, name: str, text: str, buckets: tuple[float, ...], *labels: str
) -> Histogram:
    return Histogram(f"afterimage_{name}", text, labels, buckets=buckets, registry=registry)
