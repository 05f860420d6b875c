"""How late the event loop is: the first sign that something blocks it."""

from __future__ import annotations

import asyncio
from typing import NoReturn

from service.telemetry.metrics import Metrics


async def measure_loop_lag(metrics: Metrics, *, interval_seconds: float = 0.05) -> NoReturn:
    """Sleep again and again, and report how much later than wanted each sleep ended. Runs until it is canceled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + interval_seconds
        await asyncio.sleep(interval_seconds)
        metrics.loop_lagged(seconds=max(loop.time() - due, 0.0))
