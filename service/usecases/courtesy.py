"""Courtesy: batches leave the workers that edit pixels free for single jobs."""

from __future__ import annotations

import asyncio

from service.domain.pictures import PictureInfo
from service.ports.imaging import Encoding, Imaging, LocalEdit, Picture, Prepared, SourceLimits


class Courtesy:
    """`Imaging` for batches: only so many of their pictures are inside at a time, the rest waits outside.

    A picture of a single job then waits for the one that is being worked on, never for a queue of a batch's pictures.

    Args:
        most: Pictures of batches that may be inside.
    """

    def __init__(self, imaging: Imaging, *, most: int) -> None:
        self._imaging = imaging
        self._places = asyncio.Semaphore(most)

    def inspect(self, data: bytes) -> PictureInfo:
        """Read a picture's header, at once."""
        return self._imaging.inspect(data)

    def recognize(self, data: bytes) -> PictureInfo:
        """Read the header of what a provider made, at once."""
        return self._imaging.recognize(data)

    async def prepare(self, data: bytes, limits: SourceLimits) -> Prepared:
        """Make a source ready for a provider."""
        async with self._places:
            return await self._imaging.prepare(data, limits)

    async def prepare_mask(self, mask: bytes, *, width: int, height: int, max_bytes: int) -> Picture:
        """Make a mask ready for a provider."""
        async with self._places:
            return await self._imaging.prepare_mask(mask, width=width, height=height, max_bytes=max_bytes)

    async def edit(
        self, data: bytes, prompt: str, *, encoding: Encoding, size: tuple[int, int] | None, label: str | None
    ) -> LocalEdit:
        """Carry out plain edit instructions."""
        async with self._places:
            return await self._imaging.edit(data, prompt, encoding=encoding, size=size, label=label)

    async def finish(self, data: bytes, *, encoding: Encoding | None) -> Picture:
        """Check a provider's output."""
        async with self._places:
            return await self._imaging.finish(data, encoding=encoding)

    async def close(self) -> None:
        """The workers belong to whoever made them."""
