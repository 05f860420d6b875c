"""Pictures with the texture of a photograph, made to a wanted size in bytes, the same in every run."""

from __future__ import annotations

import io
import random
from typing import Literal

from PIL import Image, ImageChops

_OCTAVES = (4, 16, 64, 256)  # noise grows finer and fainter, as detail does in a photograph
_TOLERANCE = 0.02


def photograph(byte_count: int, *, side: int = 1024, kind: Literal["JPEG", "PNG"] = "JPEG") -> bytes:
    """A square picture of about `byte_count` bytes: a JPEG by its quality, a PNG by its number of tones."""
    scene = _scene(side)
    low, high = (1, 100) if kind == "JPEG" else (1, 255)
    best = b""
    while low <= high:
        middle = (low + high) // 2
        data = _encoded(scene, kind, middle)
        if abs(len(data) - byte_count) < abs(len(best) - byte_count):
            best = data
        if abs(len(data) / byte_count - 1) < _TOLERANCE:
            break
        low, high = (middle + 1, high) if len(data) < byte_count else (low, middle - 1)
    return best


def _encoded(scene: Image.Image, kind: str, fineness: int) -> bytes:
    file = io.BytesIO()
    if kind == "JPEG":
        scene.save(file, kind, quality=fineness)
    else:
        scene.point(lambda value: value * fineness // 255 * 255 // fineness).save(file, kind, compress_level=4)
    return file.getvalue()


def _scene(side: int) -> Image.Image:
    source = random.Random(side)  # noqa: S311 - no secret
    scene = Image.new("RGB", (side, side), "gray")
    for cells in (*_OCTAVES, side):
        noise = Image.frombytes("RGB", (cells, cells), source.randbytes(cells * cells * 3))
        noise = noise.resize((side, side), Image.Resampling.BICUBIC)
        scene = Image.blend(scene, ImageChops.overlay(scene, noise), 0.9 if cells < side else 0.15)
    return scene
