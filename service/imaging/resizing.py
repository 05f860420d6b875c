"""Bringing a picture to a size that was asked for: see `service.domain.resizing`."""

from __future__ import annotations

from PIL import Image, ImageOps

from service.domain.resizing import Fit, Resize
from service.imaging.scaling import resized

_CLEAR = (255, 255, 255, 0)
_WHITE = (255, 255, 255)


def brought_to(image: Image.Image, resize: Resize) -> Image.Image:
    """An RGB or RGBA picture at that size, larger or smaller than it was."""
    size = resize.size_after(image.size)
    if image.size == size:
        return image
    match resize.fit:
        case Fit.COVER:
            return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
        case Fit.CONTAIN:
            ground = _CLEAR if image.mode == "RGBA" else _WHITE
            return ImageOps.pad(image, size, Image.Resampling.LANCZOS, color=ground)
        case Fit.INSIDE:
            return resized(image, size)
