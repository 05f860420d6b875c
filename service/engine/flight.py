"""One run of a handler."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.domain.work import Work


@dataclass(slots=True)
class Flight:
    """Work that runs now.

    Attributes:
        handling: The task that runs the handler, once it does; it then settles the work with the store.
        interrupted: Somebody asked for the cancellation of the handler.
        left: Set once the handler has returned.
        again_at: The work was deferred anew meanwhile, for this moment.
    """

    work: Work
    handling: asyncio.Task[Any] | None = None
    interrupted: bool = False
    left: asyncio.Event = field(default_factory=asyncio.Event)
    again_at: datetime | None = None

    def defer(self, due_at: datetime) -> None:
        """Note that the work must run once more."""
        self.again_at = due_at if self.again_at is None else min(self.again_at, due_at)

    def cancel(self) -> None:
        """Cancel the handler, once; one that has not begun will not."""
        if not self.interrupted and not self.left.is_set():
            self.interrupted = True
            if self.handling is not None:
                self.handling.cancel()

    async def interrupt(self) -> None:
        """Cancel the handler and wait until it has let go."""
        self.cancel()
        await self.left.wait()
