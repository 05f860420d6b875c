"""Waiting for what has to happen, on whatever machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PATIENCE_SECONDS = 180.0
"""Longer than anything takes on a machine that is slow and busy; only what never comes is waited for so long."""

_LOOK_SECONDS = 0.02


async def until(condition: Callable[[], bool], *, timeout_seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something that others do and that stays so: it may be long past when it is looked at."""
    async with asyncio.timeout(timeout_seconds):
        while not condition():
            await asyncio.sleep(_LOOK_SECONDS)
