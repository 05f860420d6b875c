"""What stands before every paid provider: its circuit, and the limits on calls to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from service.ports.provider import Caller, Capabilities, Provider, Result, Task, Ticket
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
    async def admission(self, caller: Caller) -> AsyncIterator[None]:
        """Wait for a slot; the fault that leaves the block, or none, is what circuit and limit learn from.

        Raises:
            ProviderFaultError: with `called` False while the circuit is open, during a pause that the provider asked
                for, and when its turn has not come by the caller's deadline.
            CallLaterError: others of the tenant wait already.
            LedgerUnavailableError: nobody can tell whether the circuit is open.
        """
        await self._circuit.check()  # nobody queues for what is refused anyway
        async with self._limiter.slot(caller), self._provider.admission(caller), self._circuit.call():
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

    async def state(self) -> Mapping[str, Any]:
        """Circuit and limits, as all processes have them, and what the provider behind it says.

        Raises:
            LedgerUnavailableError: nobody can tell.
        """
        await self._circuit.look()
        await self._limiter.look()
        return {**self._circuit.state(), **self._limiter.state(), **await self._provider.state()}

    async def ping(self) -> None:
        """Ask the provider behind it, whatever the circuit says."""
        await self._provider.ping()

    async def close(self) -> None:
        """Close the provider behind it."""
        await self._provider.close()
