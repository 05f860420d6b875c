"""The seam to pixels: everything that decodes, changes or encodes a picture, off the event loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from service.domain.pictures import PictureFormat, PictureInfo
from service.domain.resizing import Resize


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An encoded picture without metadata, upright, with one frame."""

    data: bytes
    format: PictureFormat
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A source made ready for a provider; `changes` says in plain words what was changed and may be shown."""

    picture: Picture
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLimits:
    """What a provider accepts as a source."""

    formats: frozenset[PictureFormat]
    max_bytes: int
    max_side: int = 65_535  # pixels; larger sources are scaled down


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How an output is written.

    Attributes:
        quality: In percent for lossy formats, None for the default.
        resize: What it is brought to first, None for the size that it has.
    """

    format: PictureFormat
    quality: int | None = None
    resize: Resize | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalEdit:
    """What the local provider made.

    Attributes:
        understood: False when the prompt held no instruction that can be carried out and the colours were inverted.
        applied: The steps that were carried out, in order, in plain words.
        warnings: What the caller should know, for example which part of the prompt was not understood.
    """

    picture: Picture
    understood: bool
    applied: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Imaging(Protocol):
    """Works on pictures in bounded worker processes.

    Every method may raise `PictureRefusedError`; those that wait may also raise `RuntimeError` when no worker can be
    had or a worker met a fault of its own.
    """

    def inspect(self, data: bytes) -> PictureInfo:
        """Read a picture's header: sniff the type, check bytes, pixels and frames against the limits.

        Decodes no pixel; takes well under a millisecond and is safe to call on the event loop.
        """
        ...

    def recognize(self, data: bytes) -> PictureInfo:
        """Read the header of a picture that a provider made, as `inspect` does a caller's.

        The limits for callers do not hold here: what was paid for is not thrown away for being large.
        """
        ...

    async def prepare(self, data: bytes, limits: SourceLimits) -> Prepared:
        """Decode fully, make upright, convert to what `limits` allow, drop metadata.

        A source that is already acceptable keeps its compressed bytes; only its metadata is cut out.
        """
        ...

    async def prepare_mask(self, mask: bytes, *, width: int, height: int, max_bytes: int) -> Picture:
        """A mask as the OpenAI Images API wants it: PNG of the source's size, transparent where to edit.

        A mask without alpha is read as white means edit.
        """
        ...

    async def edit(
        self, data: bytes, prompt: str, *, encoding: Encoding, size: tuple[int, int] | None, label: str | None
    ) -> LocalEdit:
        """Carry out plain edit instructions locally.

        Args:
            size: Width and height to fit the result to, None to keep what the instructions give.
            label: Text drawn visibly into the picture and kept in its metadata: the mark of a fallback.
        """
        ...

    async def finish(self, data: bytes, *, encoding: Encoding | None) -> Picture:
        """Check a provider's output by decoding it; re-encode it only when format or size are not those wanted."""
        ...

    async def close(self) -> None:
        """End the worker processes."""
        ...
