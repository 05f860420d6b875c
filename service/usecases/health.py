"""Health: whether the service can do its work now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

Ping = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What asking one component gave; `detail` is empty when it is well."""

    component: str
    ok: bool
    detail: str = ""


class Readiness:
    """Asks every component at once. An answer is good for a moment, so that probes cost little."""

    def __init__(self, pings: Mapping[str, Ping], *, timeout_seconds: float = 3.0, fresh_seconds: float = 2.0) -> None:
        self._pings = pings
        self._timeout_seconds = timeout_seconds
        self._fresh_seconds = fresh_seconds
        self._asked_at = float("-inf")
        self._findings: tuple[Finding, ...] = ()
        self._lock = asyncio.Lock()
        self._draining = False

    def drain(self) -> None:
        """Answer "not ready" from now on: the process is about to stop."""
        self._draining = True

    @property
    def draining(self) -> bool:
        """Whether the process is about to stop."""
        return self._draining

    async def __call__(self) -> tuple[Finding, ...]:
        """One finding a component; the service is ready when all are well."""
        if self._draining:
            return (Finding("service", ok=False, detail="stopping"),)
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now - self._asked_at > self._fresh_seconds:
                self._findings = tuple(await asyncio.gather(*(self._ask(*item) for item in self._pings.items())))
                self._asked_at = now
            return self._findings

    async def _ask(self, component: str, ping: Ping) -> Finding:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await ping()
        except TimeoutError:
            return Finding(component, ok=False, detail=f"no answer within {self._timeout_seconds:g} s")
        except Exception as error:  # noqa: BLE001 - whatever a component raises is the finding
            return Finding(component, ok=False, detail=str(error) or type(error).__name__)
        return Finding(component, ok=True)
