"""What a step is, and what steps measure with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

Size = tuple[int, int]


class Step(ABC):
    """One change of a picture: RGB in and RGB out, or RGBA in and RGBA out."""

    @property
    @abstractmethod
    def said(self) -> str:
        """What it does, in plain words and the past tense."""

    @abstractmethod
    def apply(self, image: Image.Image) -> Image.Image:
        """The changed picture; the given one is left as it is."""

    def size_after(self, size: Size) -> Size:
        """The size that it gives a picture of that size, known before any memory is taken."""
        return size


@dataclass(frozen=True, slots=True)
class Length:
    """A length in pixels, or as a share of the shorter side where none was given."""

    share: float
    pixels: float | None = None

    def of(self, size: Size) -> float:
        """The length in pixels in a picture of that size."""
        return self.share * min(size) if self.pixels is None else self.pixels


def on_colours(image: Image.Image, change: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Change the colours of a picture and leave its transparency alone."""
    if image.mode == "RGB":
        return change(image)
    changed = change(image.convert("RGB"))
    changed.putalpha(image.getchannel("A"))
    return changed


def times(factor: float) -> str:
    """A factor as people say it: 1.2 is "by 20 %"."""
    return f"by {abs(round((factor - 1) * 100))} %"
