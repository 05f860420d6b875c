"""What stands before every paid provider: its circuit and its concurrency."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from service.ports.provider import Capabilities, Provider, Result, Task, Ticket
from service.providers.circuit import Circuit
from service.providers.concurrency import Limiter


class GuardedProvider:
    """Implements `service.ports.provider.Provider` for another one, and learns from every admitted call."""

    def __init__(self, provider: Provider, *, circuit: Circuit, limiter: Limiter) -> None:
        self._provider = provider
        self._circuit = circuit
        self._limiter = limiter

    @property
    def name(self) -> str:
        """The name of the provider behind it."""
        return self._provider.name

    @property
    def capabilities(self) -> Capabilities:
        """Those of the provider behind it."""
        return self._provider.capabilities

    @asynccontextmanager
    async def admission(self, *, bulk: bool = False) -> AsyncIterator[None]:
        """Wait for a slot; the fault that leaves the block, or none, is what circuit and limit learn from.

        Raises:
            ProviderFaultError: with `called` False while the circuit is open.
            LedgerUnavailableError: nobody can tell whether it is.
        """
        await self._circuit.check()  # nobody queues for what is refused anyway
        async with self._limiter.slot(bulk=bulk), self._provider.admission(bulk=bulk), self._circuit.call():
            yield

    async def start(self, task: Task) -> Result | Ticket:
        """Ask the provider behind it."""
        return await self._provider.start(task)

    async def collect(self, task: Task, ticket: Ticket) -> Result | Ticket:
        """Ask the provider behind it for what a ticket stands for."""
        return await self._provider.collect(task, ticket)

    async def estimate(self, task_parameters: Mapping[str, Any]) -> float | None:
        """What the provider behind it expects."""
        return await self._provider.estimate(task_parameters)

    def state(self) -> Mapping[str, Any]:
        """Circuit, concurrency, and what the provider behind it says."""
        return {**self._circuit.state(), **self._limiter.state(), **self._provider.state()}

    async def ping(self) -> None:
        """Ask the provider behind it, whatever the circuit says."""
        await self._provider.ping()

    async def close(self) -> None:
        """Close the provider behind it."""
        await self._provider.close()
