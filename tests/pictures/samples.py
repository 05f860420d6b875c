"""Honest pictures: the sample photograph, and pictures in every format and mode, made when they are needed."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from service.domain.pictures import PictureFormat

SAMPLE = Path(__file__).parents[2] / "scripts" / "sample" / "coffee.jpg"

FORMATS_AND_MODES = [
    *[(PictureFormat.PNG, mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")],
    *[(PictureFormat.JPEG, mode) for mode in ("L", "RGB", "CMYK")],
    *[(PictureFormat.WEBP, mode) for mode in ("RGB", "RGBA")],
    *[(PictureFormat.AVIF, mode) for mode in ("RGB", "RGBA")],
    *[(PictureFormat.GIF, mode) for mode in ("L", "P")],
    *[(PictureFormat.BMP, mode) for mode in ("1", "L", "P", "RGB")],
    *[
        (PictureFormat.TIFF, mode)
        for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F")
    ],
]


@cache
def photograph() -> bytes:
    """The sample: a JPEG of 600 x 400 pixels."""
    return SAMPLE.read_bytes()


def scene(width: int = 60, height: int = 40) -> Image.Image:
    """RGB: red above green on the left, blue above white on the right, so that every turn can be told."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    middle, half = width // 2, height // 2
    draw.rectangle((0, 0, middle - 1, half - 1), fill=(220, 20, 20))
    draw.rectangle((0, half, middle - 1, height - 1), fill=(20, 180, 20))
    draw.rectangle((middle, 0, width - 1, half - 1), fill=(20, 20, 220))
    return image


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """The picture in another mode; modes with transparency get a transparent corner."""
    match mode:
        case "I;16" | "I" | "F":
            grey = image.convert("L").convert("I").point(lambda value: value * 257)
            return grey if mode == "I" else grey.convert(mode)
        case "LAB":
            from PIL import ImageCms

            return ImageCms.profileToProfile(
                image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
            )
        case "LA" | "RGBA":
            converted = image.convert(mode)
            alpha = Image.new("L", image.size, 255)
            alpha.paste(0, (0, 0, image.width // 2, image.height // 2))
            converted.putalpha(alpha)
            return converted
        case "P":
            return image.quantize(16)
        case _:
            return image.convert(mode)


def encoded(image: Image.Image, format_: PictureFormat, **options: Any) -> bytes:
    """The picture as a file, lossless or nearly so."""
    if format_ in {PictureFormat.JPEG, PictureFormat.AVIF}:
        options = {"quality": 95, **options}
    if format_ is PictureFormat.WEBP:
        options = {"lossless": True, **options}
    buffer = BytesIO()
    image.save(buffer, format=format_.name, **options)
    return buffer.getvalue()


@cache
def picture(format_: PictureFormat, mode: str = "RGB") -> bytes:
    """The scene in a format and mode."""
    return encoded(in_mode(scene(), mode), format_)


def animated(format_: PictureFormat, frames: int = 3) -> bytes:
    """A small animation (GIF, PNG, WebP, AVIF) or a document of several pages (TIFF), the scene first."""
    others = [Image.new("RGB", (60, 40), (0, 0, 40 * index % 256)) for index in range(1, frames)]
    return encoded(scene(), format_, save_all=True, append_images=others)


def with_metadata(format_: PictureFormat, *, orientation: int = 1, **options: Any) -> bytes:
    """The scene with EXIF that names a place, and an orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = SECRET.decode()
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0)}
    return encoded(scene(), format_, exif=exif, **options)


SECRET = b"Baker Street 221b"
"""What stands in the metadata of `with_metadata`."""


def opened(data: bytes) -> Image.Image:
    """A file as Pillow reads it."""
    image = Image.open(BytesIO(data))
    image.load()
    return image
