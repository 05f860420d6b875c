"""Steps that turn, mirror and cut."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, cos, radians, sin

from PIL import Image

from service.imaging.steps.step import Length, Size, Step

_QUARTERS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}


@dataclass(frozen=True, slots=True)
class Rotate(Step):
    """Turns clockwise by degrees, counterclockwise by negative ones; the picture grows so that nothing is lost."""

    degrees: float

    @property
    def said(self) -> str:
        """How far and which way."""
        if abs(self.degrees) == 180:  # noqa: PLR2004 - upside down, whichever way
            return "rotated 180 degrees"
        way = "clockwise" if self.degrees >= 0 else "counterclockwise"
        return f"rotated {abs(self.degrees):g} degrees {way}"

    def size_after(self, size: Size) -> Size:
        """The box around the turned picture, give or take a pixel."""
        angle = radians(self.degrees % 360)
        across, along = abs(cos(angle)), abs(sin(angle))
        width, height = size
        return ceil(round(width * across + height * along, 6)), ceil(round(width * along + height * across, 6))

    def apply(self, image: Image.Image) -> Image.Image:
        """Quarter turns without any loss; what others lay bare is white, or transparent where that is possible."""
        degrees = self.degrees % 360
        if degrees in _QUARTERS:
            return image.transpose(_QUARTERS[int(degrees)])
        bare = (255, 255, 255, 0)[: len(image.getbands())]
        return image.rotate(-degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=bare)


@dataclass(frozen=True, slots=True)
class Flip(Step):
    """Swaps left and right, or top and bottom."""

    vertical: bool = False

    @property
    def said(self) -> str:
        """Which way."""
        return "flipped vertically" if self.vertical else "mirrored horizontally"

    def apply(self, image: Image.Image) -> Image.Image:
        """Without any loss."""
        return image.transpose(Image.Transpose.FLIP_TOP_BOTTOM if self.vertical else Image.Transpose.FLIP_LEFT_RIGHT)


@dataclass(frozen=True, slots=True)
class CropToRatio(Step):
    """Cuts the middle out in proportions of width to height."""

    width: float
    height: float

    @property
    def said(self) -> str:
        """With the proportions."""
        return f"cropped to {self.width:g}:{self.height:g}"

    def size_after(self, size: Size) -> Size:
        """The largest part with these proportions."""
        ratio = self.width / self.height
        return max(1, min(size[0], round(size[1] * ratio))), max(1, min(size[1], round(size[0] / ratio)))

    def apply(self, image: Image.Image) -> Image.Image:
        """As much of the middle as there is."""
        return _middle(image, self.size_after(image.size))


@dataclass(frozen=True, slots=True)
class CropToSize(Step):
    """Cuts the middle out, so many pixels wide and high."""

    width: int
    height: int

    @property
    def said(self) -> str:
        """With the size."""
        return f"cropped to {self.width} x {self.height} px"

    def size_after(self, size: Size) -> Size:
        """Never more than there is."""
        return min(size[0], self.width), min(size[1], self.height)

    def apply(self, image: Image.Image) -> Image.Image:
        """As much of the middle as there is."""
        return _middle(image, self.size_after(image.size))


class Edge(StrEnum):
    """An edge of a picture."""

    LEFT = "left"
    TOP = "top"
    RIGHT = "right"
    BOTTOM = "bottom"


@dataclass(frozen=True, slots=True)
class Trim(Step):
    """Cuts a strip off some edges: pixels, or a share of the side that gets shorter."""

    strip: Length
    edges: tuple[Edge, ...]

    @property
    def said(self) -> str:
        """How much, and where."""
        strip = f"{self.strip.share:.0%}" if self.strip.pixels is None else f"{self.strip.pixels:g} px"
        return f"cut {strip} off the {', '.join(self.edges)}"

    def size_after(self, size: Size) -> Size:
        """What remains; one pixel always does."""
        left, top, right, bottom = self._box(size)
        return right - left, bottom - top

    def apply(self, image: Image.Image) -> Image.Image:
        """What remains."""
        return image.crop(self._box(image.size))

    def _box(self, size: Size) -> tuple[int, int, int, int]:
        width, height = size
        across, along = (round(self.strip.of((side, side))) for side in size)
        left = min(across, width - 1) if Edge.LEFT in self.edges else 0
        top = min(along, height - 1) if Edge.TOP in self.edges else 0
        right = max(left + 1, width - across) if Edge.RIGHT in self.edges else width
        bottom = max(top + 1, height - along) if Edge.BOTTOM in self.edges else height
        return left, top, right, bottom


def _middle(image: Image.Image, size: Size) -> Image.Image:
    left, top = (image.width - size[0]) // 2, (image.height - size[1]) // 2
    return image.crop((left, top, left + size[0], top + size[1]))
