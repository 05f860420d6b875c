"""Cutting out metadata without touching the compressed pixels: places, names, thumbnails, texts, what is appended."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from service.domain.pictures import PictureFormat, PictureInfo
from service.imaging.formats import jpeg, png, webp
from service.imaging.formats.cut import Cut

_CUTS: Mapping[PictureFormat, Callable[[bytes], Cut]] = {
    PictureFormat.PNG: png.cut,
    PictureFormat.JPEG: jpeg.cut,
    PictureFormat.WEBP: webp.cut,
}


def without_metadata(data: bytes, info: PictureInfo) -> Cut | None:
    """What is left of a picture; None for formats that must be encoded anew to lose their metadata.

    Raises:
        HeaderError: the structure of the file makes no sense.
    """
    if info.format is PictureFormat.WEBP and info.frames > 1:  # its frames are no pictures of their own
        return None
    cut = _CUTS.get(info.format)
    return None if cut is None else cut(data)
