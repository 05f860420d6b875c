"""GIF (CompuServe GIF89a)."""

from __future__ import annotations

import struct

from service.imaging.formats.header import Header, HeaderError

SIGNATURES = (b"GIF87a", b"GIF89a")
_SCREEN_END = 13
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_MAX_STEPS = 20_000
"""Blocks that are walked over, a few milliseconds' worth; frames beyond them stay uncounted and are never decoded."""


def read(data: bytes, max_frames: int) -> Header:
    """The header of a GIF, its frames counted by walking over the blocks."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    frames = steps = 0
    position = _SCREEN_END + _colours_bytes(flags)
    while steps < _MAX_STEPS and frames <= max_frames and position < len(data):
        kind = data[position]
        if kind == _IMAGE and position + 10 < len(data):
            left, top, frame_width, frame_height, flags = struct.unpack_from("<HHHHB", data, position + 1)
            if frames == 0:  # decoders widen the screen to the first frame
                width, height = max(width, left + frame_width), max(height, top + frame_height)
            frames += 1
            position += 11 + _colours_bytes(flags)
        elif kind == _EXTENSION:
            position += 2
        else:  # the trailer, or rubbish: decoders stop there too
            break
        position, steps = _skip_blocks(data, position, steps + 1)
    if frames == 0:
        raise HeaderError("it has no frame")
    return Header(width, height, frames)


def _colours_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip_blocks(data: bytes, position: int, steps: int) -> tuple[int, int]:
    """Behind the data blocks that begin here, and the steps taken so far."""
    end = len(data)
    while position < end and steps < _MAX_STEPS:
        length = data[position]
        position += 1 + length
        steps += 1
        if length == 0:
            break
    return position, steps
