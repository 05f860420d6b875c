"""The step that adds a border."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageColor

from service.imaging.steps.step import Length, Size, Step


@dataclass(frozen=True, slots=True)
class Border(Step):
    """Adds a border around the picture, which grows by it.

    Attributes:
        colour: A name or notation of CSS that Pillow knows.
    """

    colour: str
    width: Length

    @property
    def said(self) -> str:
        """With colour, and width where that was given."""
        width = "" if self.width.pixels is None else f" of {self.width.pixels:g} px"
        return f"added a {self.colour} border{width}"

    def size_after(self, size: Size) -> Size:
        """Larger by twice the border."""
        width = self._pixels(size)
        return size[0] + 2 * width, size[1] + 2 * width

    def apply(self, image: Image.Image) -> Image.Image:
        """Pasted on a larger sheet."""
        sheet = Image.new(image.mode, self.size_after(image.size), ImageColor.getcolor(self.colour, image.mode))
        width = self._pixels(image.size)
        sheet.paste(image, (width, width))
        return sheet

    def _pixels(self, size: Size) -> int:
        return max(1, round(self.width.of(size)))
