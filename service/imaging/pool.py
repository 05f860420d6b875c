"""The imaging port on Pillow: headers in place, pixels in worker processes."""

from __future__ import annotations

import sys
from dataclasses import replace

from service.domain.pictures import PictureInfo
from service.imaging.inspection import PictureLimits, inspect
from service.imaging.requests import Edit, Finish, Prepare, PrepareMask
from service.imaging.workers import WorkerPool
from service.ports.imaging import Encoding, LocalEdit, Picture, Prepared, SourceLimits

DEFAULT_MAX_FRAMES = 1_000
DEFAULT_TASK_TIMEOUT_SECONDS = 60.0

_MOST_OUTPUT_PIXELS = 100_000_000  # no provider makes nearly as many
_MEMORY_BYTES = 1024**3
_MEMORY_BYTES_PER_PIXEL = 40  # ten copies of a picture at once; the greediest instructions need six


class PillowImaging:
    """Implements `service.ports.imaging.Imaging`.

    Every method but `inspect` may also raise `RuntimeError`: no worker can be started, a worker met a fault of its
    own, or the pool was closed.

    Args:
        workers: Processes that work on pixels. Each needs about 400 MB for a picture of 40 megapixels.
        max_bytes: Bytes that a picture may have, as encoded.
        max_pixels: Pixels that a picture may have, width times height; also what instructions may enlarge it to.
        max_frames: Frames or pages that a picture may have; only the first is used.
        task_timeout_seconds: How long one picture may take; then its worker is killed and the picture refused.
    """

    def __init__(
        self,
        *,
        workers: int,
        max_bytes: int,
        max_pixels: int,
        max_frames: int = DEFAULT_MAX_FRAMES,
        task_timeout_seconds: float = DEFAULT_TASK_TIMEOUT_SECONDS,
    ) -> None:
        self._limits = PictureLimits(max_bytes=max_bytes, max_pixels=max_pixels, max_frames=max_frames)
        # Converting may add bytes, so a picture that passed `inspect` once is not measured by them again.
        self._accepted = replace(self._limits, max_bytes=sys.maxsize)
        self._made = replace(self._accepted, max_pixels=max(max_pixels, _MOST_OUTPUT_PIXELS))
        self._pool = WorkerPool(
            workers=workers,
            memory_bytes=_MEMORY_BYTES + _MEMORY_BYTES_PER_PIXEL * max_pixels,
            timeout_seconds=task_timeout_seconds,
        )

    async def start(self) -> None:
        """Start the workers ahead of the first picture, which otherwise waits a moment for them.

        Raises:
            WorkerStartError: they cannot be started.
        """
        await self._pool.start()

    def inspect(self, data: bytes) -> PictureInfo:
        """Read a picture's header and hold it against the limits."""
        return inspect(data, self._limits)

    def recognize(self, data: bytes) -> PictureInfo:
        """Read the header of a picture that a provider made."""
        return inspect(data, self._made)

    async def prepare(self, data: bytes, limits: SourceLimits) -> Prepared:
        """Make a source ready for a provider."""
        info = inspect(data, self._accepted)
        request = Prepare(data=data, info=info, max_pixels=self._limits.max_pixels, limits=limits)
        as_it_came = Picture(data=data, format=info.format, width=info.width, height=info.height)
        return await self._pool.run(request) or Prepared(picture=as_it_came)

    async def prepare_mask(self, mask: bytes, *, width: int, height: int, max_bytes: int) -> Picture:
        """Make a mask ready for a provider."""
        info = inspect(mask, self._accepted)
        return await self._pool.run(
            PrepareMask(
                data=mask,
                info=info,
                max_pixels=self._limits.max_pixels,
                width=width,
                height=height,
                max_bytes=max_bytes,
            )
        )

    async def edit(
        self, data: bytes, prompt: str, *, encoding: Encoding, size: tuple[int, int] | None, label: str | None
    ) -> LocalEdit:
        """Carry out plain edit instructions."""
        info = inspect(data, self._accepted)
        return await self._pool.run(
            Edit(
                data=data,
                info=info,
                max_pixels=self._limits.max_pixels,
                prompt=prompt,
                encoding=encoding,
                size=size,
                label=label,
            )
        )

    async def finish(self, data: bytes, *, encoding: Encoding | None) -> Picture:
        """Check a provider's output and write it in the wanted format."""
        info, most = self.recognize(data), self._made.max_pixels
        return await self._pool.run(Finish(data=data, info=info, max_pixels=most, encoding=encoding))

    async def close(self) -> None:
        """End the workers; what runs fails, what waits is cancelled."""
        await self._pool.close()
