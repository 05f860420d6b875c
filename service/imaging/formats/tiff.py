"""TIFF 6.0 and BigTIFF."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from service.imaging.formats.header import ForeignFormatError, Header, HeaderError

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SUBFILE_TYPE, _WIDTH, _HEIGHT, _DNG_VERSION = 254, 256, 257, 50706
_CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # BYTE, SHORT, LONG, LONG8
_MAX_ENTRIES = 1_000
_IMAGES_IN_ONE_PASS = 4_000


@dataclass(frozen=True, slots=True)
class _Layout:
    order: str
    big: bool

    @property
    def first(self) -> str:
        return self.order + ("Q" if self.big else "I")

    def offset(self, data: bytes, at: int) -> int:
        value: int = struct.unpack_from(self.first, data, at)[0]
        return value

    def entries(self, data: bytes, at: int) -> tuple[int, int, int]:
        """Number of entries of the directory here, where they begin, and the bytes of each."""
        code, head, size = ("Q", 8, 20) if self.big else ("H", 2, 12)
        return struct.unpack_from(self.order + code, data, at)[0], at + head, size


def read(data: bytes, max_frames: int) -> Header:
    """The header of a TIFF: its first directory; further ones are pages and only counted.

    Raises:
        HeaderError: the directories make no sense.
        ForeignFormatError: a camera's raw file, which holds little more than a thumbnail for a TIFF reader.
    """
    layout = _Layout("<" if data[:2] == b"II" else ">", big=data[2:4] in {b"+\0", b"\0+"})
    start = layout.offset(data, 8 if layout.big else 4)
    tags = _tags(data, start, layout)
    if _DNG_VERSION in tags or tags.get(_SUBFILE_TYPE, 0) & 1:
        raise ForeignFormatError("a camera raw file")
    if _WIDTH not in tags or _HEIGHT not in tags:
        raise HeaderError("its first directory does not give its size")
    return Header(tags[_WIDTH], tags[_HEIGHT], _pages(data, start, layout, max_frames))


def _tags(data: bytes, start: int, layout: _Layout) -> dict[int, int]:
    count, position, size = layout.entries(data, start)
    wanted = {_SUBFILE_TYPE, _WIDTH, _HEIGHT, _DNG_VERSION}
    values: dict[int, int] = {}
    for at in range(position, position + size * min(count, _MAX_ENTRIES), size):
        tag, kind = struct.unpack_from(layout.order + "HH", data, at)
        if tag in wanted and kind in _CODES:
            values[tag] = struct.unpack_from(layout.order + _CODES[kind], data, at + size - (8 if layout.big else 4))[0]
    return values


def _pages(data: bytes, start: int, layout: _Layout, max_frames: int) -> int:
    seen: set[int] = set()
    while start and len(seen) <= min(max_frames, _IMAGES_IN_ONE_PASS):
        if start in seen:
            raise HeaderError("its pages run in a circle")
        seen.add(start)
        try:
            count, position, size = layout.entries(data, start)
            start = layout.offset(data, position + size * count)
        except struct.error:  # a chain that leads out of the file ends there
            break
    return len(seen)
