"""The visible mark of a fallback: a banner with a text, so that nobody takes the picture for the real thing."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from PIL import Image, ImageDraw, ImageFont

_FONT_SHARE = 0.045  # of the shorter side: well legible when the picture fills a screen
_LARGEST_SHARE_OF_HEIGHT = 0.5
_SMALLEST_FONT_PIXELS = 7.0  # below this the built-in font is no longer writing
_PADDING = 0.45  # of the height of a line
_SPACING = 1.2
_PLAINLY = str.maketrans({"–": "-", "—": "-", "“": '"', "”": '"', "‘": "'", "’": "'"})  # noqa: RUF001

_BANNER = (0, 0, 0, 255)
_STRIPE = (255, 196, 0, 255)
_TEXT = (255, 255, 255, 255)


def labelled(image: Image.Image, text: str) -> Image.Image:
    """A picture with a banner across its lower edge, opaque also where the picture is transparent.

    The text wraps, and shrinks where it would cover more than half of the picture. Of a picture too small for writing
    the banner alone remains.
    """
    labelled_image = image.copy()
    draw = ImageDraw.Draw(labelled_image)
    most = max(1, int(image.height * _LARGEST_SHARE_OF_HEIGHT))
    font, lines, padding = _laid_out(_writable(text), image.size, most)
    line_height = font.size * _SPACING
    stripe = max(1, round(font.size / 8))
    height = min(most, round(line_height * len(lines) + 2 * padding) + stripe)
    top = image.height - height
    draw.rectangle((0, top, image.width, image.height), fill=_colour(_BANNER, image))
    draw.rectangle((0, top, image.width, top + stripe - 1), fill=_colour(_STRIPE, image))
    for index, line in enumerate(lines):
        across = max(0.0, (image.width - font.getlength(line)) / 2)
        draw.text((across, top + stripe + padding + index * line_height), line, font=font, fill=_colour(_TEXT, image))
    return labelled_image


def _writable(text: str) -> str:
    """The text in the letters that Pillow's built-in font has: those of ASCII."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_PLAINLY))
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(plain.encode("ascii", "replace").decode().split())


def _laid_out(text: str, size: tuple[int, int], most: int) -> tuple[ImageFont.FreeTypeFont, list[str], float]:
    """The largest font with which the text fits, its lines and the padding around them."""
    pixels = max(_SMALLEST_FONT_PIXELS, min(size) * _FONT_SHARE)
    while True:
        font = ImageFont.load_default(pixels)
        assert isinstance(font, ImageFont.FreeTypeFont)  # noqa: S101 - the bitmap font stands in only without FreeType
        padding = pixels * _PADDING
        lines = list(_wrapped(text, font, size[0] - 2 * padding))
        if pixels <= _SMALLEST_FONT_PIXELS or len(lines) * pixels * _SPACING + 3 * padding <= most:
            return font, lines, padding
        pixels = max(_SMALLEST_FONT_PIXELS, pixels * 0.85)


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: float) -> Iterator[str]:
    """The text in lines that fit a width; words that do not fit a line are broken."""
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if font.getlength(longer) <= width:
            line = longer
            continue
        if line:
            yield line
        line = word
        while len(line) > 1 and font.getlength(line) > width:
            fitting = next((count for count in range(len(line) - 1, 1, -1) if font.getlength(line[:count]) <= width), 1)
            yield line[:fitting]
            line = line[fitting:]
    if line:
        yield line


def _colour(colour: tuple[int, int, int, int], image: Image.Image) -> tuple[int, ...]:
    return colour[: len(image.getbands())]
