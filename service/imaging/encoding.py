"""From pixels to a file: fast settings, no metadata but the mark that a fallback carries."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin

from service.domain.pictures import PictureFormat
from service.ports.imaging import Encoding, Picture

DEFAULT_QUALITY = 85
MAX_SIDE = {PictureFormat.WEBP: 16_383, PictureFormat.JPEG: 65_500, PictureFormat.AVIF: 32_768}
"""The longest side that a format, or its encoder, can hold; others hold more than is ever accepted."""

_PNG_LEVEL = 1  # half the time of the usual 6, and a photograph grows by a twentieth
_WEBP_METHOD = 2
_AVIF_SPEED = 10
_SOFTWARE = "Afterimage"
_WRITTEN_WITH_ALPHA = frozenset({PictureFormat.PNG, PictureFormat.WEBP, PictureFormat.AVIF})


def encode(image: Image.Image, encoding: Encoding, *, mark: str | None = None) -> Picture:
    """Write an RGB or RGBA picture.

    Args:
        mark: Text for the file's metadata: the EXIF image description and, in PNG, the registered Description.
    """
    if image.mode == "RGBA" and encoding.format not in _WRITTEN_WITH_ALPHA:
        image = on_white(image)
    buffer = BytesIO()
    image.save(buffer, format=encoding.format.name, **_options(encoding), **_mark(encoding.format, mark))
    return Picture(data=buffer.getvalue(), format=encoding.format, width=image.width, height=image.height)


def loses_alpha(image: Image.Image, format_: PictureFormat) -> bool:
    """Whether a picture has transparency that the format cannot hold."""
    return image.mode == "RGBA" and format_ not in _WRITTEN_WITH_ALPHA


def on_white(image: Image.Image) -> Image.Image:
    """An RGBA picture as it looks on white paper."""
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper


def _options(encoding: Encoding) -> dict[str, Any]:
    quality = DEFAULT_QUALITY if encoding.quality is None else encoding.quality
    match encoding.format:
        case PictureFormat.WEBP:
            return {"quality": quality, "method": _WEBP_METHOD}
        case PictureFormat.AVIF:
            return {"quality": quality, "speed": _AVIF_SPEED}
        case PictureFormat.JPEG:
            return {"quality": max(1, quality)}
        case _:
            return {"compress_level": _PNG_LEVEL}


def _mark(format_: PictureFormat, text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = text.encode()  # as bytes: a string would lose all but ASCII
    exif[ExifTags.Base.Software] = _SOFTWARE
    mark: dict[str, Any] = {"exif": exif}
    if format_ is PictureFormat.PNG:
        mark["pnginfo"] = PngImagePlugin.PngInfo()
        mark["pnginfo"].add_itxt("Description", text)
        mark["pnginfo"].add_text("Software", _SOFTWARE)
    return mark
