"""What is left of a compressed picture, and what was worth keeping aside, once its metadata is cut out."""

from __future__ import annotations

from dataclasses import dataclass

MAX_PROFILE_BYTES = 4 * 1024 * 1024
"""Colour profiles of printers reach 3 MB; nothing honest is larger."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A picture without metadata, its compressed pixels untouched.

    Attributes:
        data: The complete file.
        exif: The EXIF block, beginning at its TIFF header: it says which way is up.
        icc: The colour profile.
    """

    data: bytes
    exif: bytes | None = None
    icc: bytes | None = None
