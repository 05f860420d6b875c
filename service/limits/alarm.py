"""Being called at a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_GRAIN_SECONDS = 0.001  # of the timers of event loops, which may go off that much too soon


class Alarm:
    """Calls back at a moment; at one at a time."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._at: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, at: float | None) -> None:
        """Call at that moment, as `time.monotonic` tells it, and at no other; never with None."""
        if at == self._at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._at, self._timer = at, None
        if at is not None:
            delay_seconds = max(0.0, at - time.monotonic()) + _GRAIN_SECONDS
            self._timer = asyncio.get_running_loop().call_later(delay_seconds, self._ring)

    def _ring(self) -> None:
        self._at = self._timer = None
        self._call()
