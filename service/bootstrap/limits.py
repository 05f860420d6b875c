"""Where it is kept what holds for all processes together."""

from __future__ import annotations

import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass

from service.config.database import DatabaseSettings
from service.ledger.database import Database
from service.ledger.limits import SqlLimits
from service.ledger.outages import SqlOutages
from service.limits.fleet import FleetLimits
from service.limits.local import LocalLimits, LocalOutages
from service.ports.clock import Clock
from service.ports.limits import Limits, Outages


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What bounds the calls of all processes that share a database."""

    limits: Limits
    outages: Outages


async def open_bounds(settings: DatabaseSettings, database: Database, stack: AsyncExitStack, *, clock: Clock) -> Bounds:
    """Keep them in memory, or in the database where other processes may use it; the stack gives back what is held."""
    if settings.postgres_url is None:
        return Bounds(limits=LocalLimits(clock), outages=LocalOutages())
    limits = FleetLimits(SqlLimits(database), holder=uuid.uuid4().hex)
    return Bounds(limits=await stack.enter_async_context(limits), outages=SqlOutages(database))
