"""Steps that scale."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from service.imaging.scaling import resized, size_within
from service.imaging.steps.geometry import CropToRatio
from service.imaging.steps.step import Size, Step

_SAME_PROPORTIONS = 0.02


@dataclass(frozen=True, slots=True)
class Scale(Step):
    """Scales both sides by a factor."""

    factor: float

    @property
    def said(self) -> str:
        """With the factor."""
        return f"scaled to {self.factor:.0%}"

    def size_after(self, size: Size) -> Size:
        """At least one pixel each way."""
        return max(1, round(size[0] * self.factor)), max(1, round(size[1] * self.factor))

    def apply(self, image: Image.Image) -> Image.Image:
        """The same picture, larger or smaller."""
        return resized(image, self.size_after(image.size))


@dataclass(frozen=True, slots=True)
class ResizeWithin(Step):
    """Scales to fit a box, proportions kept; a side that is not given is free."""

    width: int | None = None
    height: int | None = None

    @property
    def said(self) -> str:
        """With what was given."""
        if self.width is None:
            return f"resized to a height of {self.height} px"
        if self.height is None:
            return f"resized to a width of {self.width} px"
        return f"resized to fit {self.width} x {self.height} px"

    def size_after(self, size: Size) -> Size:
        """The largest size that fits; a given side alone is met exactly."""
        if self.width is not None and self.height is not None:
            return size_within(size, (self.width, self.height))
        if self.width is not None:
            return self.width, max(1, round(size[1] * self.width / size[0]))
        assert self.height is not None  # noqa: S101 - one of the two is given
        return max(1, round(size[0] * self.height / size[1])), self.height

    def apply(self, image: Image.Image) -> Image.Image:
        """The same picture, larger or smaller."""
        return resized(image, self.size_after(image.size))


@dataclass(frozen=True, slots=True)
class ResizeTo(Step):
    """Scales to exactly a size; where the proportions differ the edges are cut, never the picture distorted."""

    width: int
    height: int

    @property
    def said(self) -> str:
        """With the size."""
        return f"resized to {self.width} x {self.height} px, the middle kept"

    def size_after(self, size: Size) -> Size:  # noqa: ARG002 - whatever it was
        """Exactly what was asked."""
        return self.width, self.height

    def apply(self, image: Image.Image) -> Image.Image:
        """Cut to the proportions first, then scaled."""
        wanted = self.width / self.height
        if abs(image.width / image.height / wanted - 1) > _SAME_PROPORTIONS:
            image = CropToRatio(self.width, self.height).apply(image)
        return resized(image, (self.width, self.height))
