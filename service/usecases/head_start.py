"""A head start: a picture that came with its request is prepared while its job is still being made durable."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from service.ports.imaging import Imaging, Prepared, SourceLimits
from service.ports.provider import Providers


@dataclass(frozen=True, slots=True)
class _Started:
    data: bytes
    limits: SourceLimits
    preparing: asyncio.Task[Prepared]


class HeadStart:
    """Prepares ahead, for a few jobs at a time: an idle service answers sooner, a busy one loses nothing.

    What was prepared lives in memory alone. A job that starts without it, after a restart or because others had the
    head start, is prepared in its turn.

    Args:
        most: For how many jobs at a time; about as many as there are workers.
    """

    def __init__(self, *, imaging: Imaging, providers: Providers, most: int) -> None:
        self._imaging = imaging
        self._providers = providers
        self._most = most
        self._started: dict[str, _Started] = {}

    def begin(self, job_id: str, data: bytes, *, operation: str, provider: str | None) -> None:
        """Start to prepare a picture for the provider that its job will go to."""
        if len(self._started) >= self._most:
            return
        limits = self._providers.choose(operation, provider).capabilities.sources
        preparing = asyncio.get_running_loop().create_task(self._imaging.prepare(data, limits))
        preparing.add_done_callback(_seen)
        self._started[job_id] = _Started(data, limits, preparing)

    def forget(self, job_id: str) -> None:
        """Give up what was begun for a job that does not need it: it was never accepted, or has had its turn."""
        if (started := self._started.pop(job_id, None)) is not None:
            started.preparing.cancel()

    def picture(self, job_id: str) -> bytes | None:
        """The source of a job that has a head start; it need not be read again."""
        started = self._started.get(job_id)
        return None if started is None else started.data

    async def prepare(self, job_id: str, data: bytes, limits: SourceLimits) -> Prepared:
        """The prepared picture of a job, begun ahead or now.

        Raises:
            PictureRefusedError: it cannot be decoded.
        """
        started = self._started.pop(job_id, None)
        if started is None or started.limits != limits:
            return await self._imaging.prepare(data, limits)
        return await started.preparing


def _seen(preparing: asyncio.Task[Prepared]) -> None:
    """A fault is raised where the picture is wanted; where nobody wants it, it is no news."""
    if not preparing.cancelled():
        preparing.exception()
