"""Bringing every way to store colours to one: sRGB, eight bits, RGB or RGBA."""

from __future__ import annotations

from functools import cache
from io import BytesIO

from PIL import Image, ImageCms

_COLOUR_SPACES = {"RGB": "RGB", "RGBA": "RGB", "CMYK": "CMYK"}  # of modes, as profiles name them
_LONGEST_NAME = 60

_SAID_OF_MODE = {
    "1": "one bit per pixel",
    "P": "a colour palette",
    "PA": "a colour palette",
    "LA": "grey with transparency",
    "La": "grey with transparency",
}


def to_eight_bits(image: Image.Image) -> Image.Image:
    """A picture of whole or floating-point numbers beyond a byte as grey; others as they are.

    Pillow's own conversion clips at 255 and leaves nearly everything white.
    """
    if image.mode.startswith("I;16"):
        return image.point(lambda value: value * (1 / 256)).convert("L")
    if image.mode not in {"I", "F"}:
        return image
    low, high = (float(value) for value in image.getextrema())  # type: ignore[arg-type]  # one band, one pair
    scale = _scale(low, high)
    return image.point(lambda value: value * scale).convert("L")


def to_srgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, str | None]:
    """A picture's colours by its profile, and the name of the profile where that made a difference.

    A profile that is broken, or belongs to other colours than the picture has, is passed over as browsers do.
    """
    if icc is None or image.mode not in _COLOUR_SPACES:
        return image, None
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        name = _printable(ImageCms.getProfileDescription(profile))
        if profile.profile.xcolor_space.strip() != _COLOUR_SPACES[image.mode] or "srgb" in name.lower():
            return image, None
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(image, profile, _srgb(), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image, None
    assert converted is not None  # noqa: S101 - only a conversion in place gives nothing
    return converted, name


def to_true_colour(image: Image.Image) -> tuple[Image.Image, str | None]:
    """A picture as RGB, or RGBA where something is transparent, and what it was before where that matters.

    Plain grey becomes RGB without a word: every reader of a format that knows it takes it for RGB with equal channels.
    """
    said = None
    if image.mode not in {"L", "RGB", "RGBA"}:
        said = _SAID_OF_MODE.get(image.mode, image.mode)
    elif "transparency" in image.info:
        said = "one transparent colour"
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    image.info.clear()
    return image, said


def _scale(low: float, high: float) -> float:
    """What brings a range of numbers to bytes: fractions, bytes, 16 bits or whatever it reaches."""
    most = max(high, -low)
    for reach, scale in ((1.0, 255.0), (255.0, 1.0), (65_535.0, 1 / 256)):
        if most <= reach:
            return scale
    return 255.0 / most


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _printable(text: str) -> str:
    return "".join(letter for letter in text.strip() if letter.isprintable())[:_LONGEST_NAME]
