"""What is asked of a worker process: plain values that travel over a pipe, and the answers that come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from service.domain.pictures import PictureFault, PictureInfo
from service.ports.imaging import Encoding, LocalEdit, Picture, Prepared, SourceLimits

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Generic[AnswerT]):
    """One piece of work, for which a worker gives an answer of that type.

    Attributes:
        data: The picture.
        info: What its header says.
        max_pixels: What it may have, should the decoder find more than the header says.
    """

    data: bytes
    info: PictureInfo
    max_pixels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare(Request[Prepared | None]):
    """See `service.ports.imaging.Imaging.prepare`; None when the picture is fine as it came, and so need not travel."""

    limits: SourceLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareMask(Request[Picture]):
    """See `service.ports.imaging.Imaging.prepare_mask`."""

    width: int
    height: int
    max_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit(Request[LocalEdit]):
    """See `service.ports.imaging.Imaging.edit`."""

    prompt: str
    encoding: Encoding
    size: tuple[int, int] | None
    label: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish(Request[Picture]):
    """See `service.ports.imaging.Imaging.finish`."""

    encoding: Encoding | None


@dataclass(frozen=True, slots=True)
class Done:
    """The work was done."""

    value: object


@dataclass(frozen=True, slots=True)
class Refused:
    """The picture is at fault."""

    fault: PictureFault
    message: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The program is at fault."""

    traceback: str


Answer = Done | Refused | Failed
