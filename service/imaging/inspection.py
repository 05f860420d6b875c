"""Reading a picture's header and holding it against the limits, in place and without decoding anything."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.domain.pictures import PictureFault, PictureFormat, PictureInfo, PictureRefusedError
from service.imaging.formats import avif, bmp, gif, jpeg, png, tiff, webp
from service.imaging.formats.header import ForeignFormatError, Header, HeaderError
from service.imaging.signatures import sniff, unsupported

_READERS: Mapping[PictureFormat, Callable[[bytes, int], Header]] = {
    PictureFormat.PNG: png.read,
    PictureFormat.JPEG: jpeg.read,
    PictureFormat.WEBP: webp.read,
    PictureFormat.AVIF: avif.read,
    PictureFormat.GIF: gif.read,
    PictureFormat.BMP: bmp.read,
    PictureFormat.TIFF: tiff.read,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureLimits:
    """What a picture may have: bytes as encoded, pixels (width times height), frames or pages."""

    max_bytes: int
    max_pixels: int
    max_frames: int


def inspect(data: bytes, limits: PictureLimits) -> PictureInfo:
    """What the header of a picture says.

    Raises:
        PictureRefusedError: it is none, its header makes no sense, or it is beyond a limit.
    """
    if not data:
        raise PictureRefusedError(PictureFault.EMPTY, "There are no bytes.")
    if len(data) > limits.max_bytes:
        raise PictureRefusedError(
            PictureFault.TOO_MANY_BYTES,
            f"The picture has {len(data):,} bytes; at most {limits.max_bytes:,} are accepted.",
        )
    format_ = sniff(data)
    header = _header(data, format_, limits.max_frames)
    check_pixels(header.width, header.height, limits.max_pixels)
    if header.frames > limits.max_frames:
        raise PictureRefusedError(
            PictureFault.TOO_MANY_FRAMES, f"The picture has more than {limits.max_frames:,} frames."
        )
    return PictureInfo(format=format_, width=header.width, height=header.height, frames=header.frames)


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Refuse a size without pixels, or with too many.

    Raises:
        PictureRefusedError: so it is.
    """
    if width == 0 or height == 0:
        raise damaged("its width or height is zero")
    if width * height > max_pixels:
        raise PictureRefusedError(
            PictureFault.TOO_MANY_PIXELS,
            f"The picture has {width} x {height} pixels; at most {max_pixels:,} in all are accepted.",
        )


def damaged(why: str) -> PictureRefusedError:
    """The refusal of a picture whose bytes contradict its format."""
    return PictureRefusedError(PictureFault.DAMAGED, f"The picture is damaged: {why}.")


def _header(data: bytes, format_: PictureFormat, max_frames: int) -> Header:
    try:
        return _READERS[format_](data, max_frames)
    except HeaderError as error:
        raise damaged(str(error)) from None
    except ForeignFormatError as error:
        raise unsupported(str(error)) from None
    except (struct.error, IndexError):
        raise damaged("it ends within its header") from None
