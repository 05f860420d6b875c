"""What the header of a picture says, and that it says nothing usable."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Header:
    """Width and height in pixels as stored, and how many frames or pages there are.

    `frames` is exact up to the bound that the reader was given and may stop anywhere above it.
    """

    width: int
    height: int
    frames: int = 1


class HeaderError(Exception):
    """The header contradicts the format; the message completes "the picture is damaged: …"."""


class ForeignFormatError(Exception):
    """The header belongs to a relative of the format that is not read; the message names it."""
