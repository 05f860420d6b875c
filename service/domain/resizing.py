"""Bringing a picture to a size that was asked for, in the terms of sharp (https://sharp.pixelplumbing.com/api-resize)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MAX_TARGET_SIDE = 5_000
"""Pixels; the longest side that can be asked for, as Shopify takes it: https://help.shopify.com/en/manual/online-store/images/theme-images"""


class Fit(StrEnum):
    """How a picture of other proportions fills the size that was asked for; it is never distorted."""

    INSIDE = "inside"  # as large as fits, so one side may stay shorter
    CONTAIN = "contain"  # the same on a ground of exactly that size: white, or clear where the picture is see-through
    COVER = "cover"  # exactly that size, the overhanging edges cut off


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """A size in pixels; one side alone leaves the other to the proportions."""

    width: int | None = None
    height: int | None = None
    fit: Fit = Fit.INSIDE

    def size_after(self, size: tuple[int, int]) -> tuple[int, int]:
        """Width and height that a picture of some size will have."""
        if self.fit is not Fit.INSIDE and self.width is not None and self.height is not None:
            return self.width, self.height
        return self.within(size)

    def within(self, size: tuple[int, int]) -> tuple[int, int]:
        """The largest size of the same proportions that fits; a side that was not given is kept in bounds, too."""
        box = (self.width or MAX_TARGET_SIDE, self.height or MAX_TARGET_SIDE)
        scale = min(box[0] / size[0], box[1] / size[1])
        return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def resize_of(parameters: Mapping[str, Any]) -> Resize | None:
    """What ``target_width``, ``target_height`` and ``fit`` of an operation's parameters ask for, if anything."""
    width, height = parameters.get("target_width"), parameters.get("target_height")
    if width is None and height is None:
        return None
    return Resize(width=width, height=height, fit=Fit(parameters.get("fit") or Fit.INSIDE))
