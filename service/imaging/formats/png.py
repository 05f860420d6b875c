"""PNG (W3C Portable Network Graphics, third edition)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from service.imaging.formats.cut import MAX_PROFILE_BYTES, Cut
from service.imaging.formats.header import Header, HeaderError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_IHDR_END = 33
_DEPTH_AT = 24
_MAX_CHUNKS_BEFORE_PIXELS = 2_000
_CHUNK_HEAD = struct.Struct(">I4s")
_PROFILE_NAME_BYTES = 79

_KEPT = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB"})
"""Chunks that pixels or their colours depend on; text, time, EXIF, thumbnails and later frames go."""


class _Chunk(NamedTuple):
    type: bytes
    start: int
    end: int  # after the checksum; beyond the data when the chunk is cut off


def read(data: bytes, max_frames: int) -> Header:  # noqa: ARG001 - the reader's signature; the count is declared
    """The header of a PNG; an animation (APNG) declares its frames ahead of its pixels."""
    if data[12:16] != b"IHDR":
        raise HeaderError("it does not begin with its header chunk")
    width, height = struct.unpack_from(">II", data, 16)
    frames = 1
    for count, chunk in enumerate(_chunks(data)):
        if count > _MAX_CHUNKS_BEFORE_PIXELS:
            raise HeaderError(f"more than {_MAX_CHUNKS_BEFORE_PIXELS} chunks stand before its pixels")
        if chunk.type == b"IDAT":
            break
        if chunk.type == b"acTL":
            frames = max(1, *struct.unpack_from(">I", data, chunk.start + 8))
    return Header(width, height, frames)


def bits_per_channel(data: bytes) -> int:
    """The bit depth of a PNG whose header was read: 1, 2, 4, 8 or 16."""
    return data[_DEPTH_AT]


def cut(data: bytes) -> Cut:
    """A PNG without metadata; of an animation only the picture that stands for it remains."""
    view = memoryview(data)
    kept: list[bytes | memoryview] = [SIGNATURE]
    exif = icc = None
    for chunk in _chunks(data):
        if chunk.type in _KEPT:
            kept.append(view[chunk.start : chunk.end])
        elif chunk.type == b"eXIf":
            exif = data[chunk.start + 8 : chunk.end - 4]
        elif chunk.type == b"iCCP":
            icc = _profile(data[chunk.start + 8 : chunk.end - 4])
    return Cut(b"".join(kept), exif, icc)


def _chunks(data: bytes) -> Iterator[_Chunk]:
    start = len(SIGNATURE)
    while start + _CHUNK_HEAD.size <= len(data):
        length, kind = _CHUNK_HEAD.unpack_from(data, start)
        end = start + length + 12
        yield _Chunk(kind, start, end)
        if kind == b"IEND":
            return
        start = end


def _profile(payload: bytes) -> bytes | None:
    """The colour profile of an iCCP chunk; None when it is broken or unfolds beyond all reason."""
    _, separator, rest = payload[: _PROFILE_NAME_BYTES + 2].partition(b"\0")
    if not separator or rest[:1] != b"\0":  # the only compression method there is
        return None
    compressed = payload[payload.index(b"\0") + 2 :]
    unfolding = zlib.decompressobj()
    try:
        profile = unfolding.decompress(compressed, MAX_PROFILE_BYTES)
    except zlib.error:
        return None
    return profile if unfolding.eof else None
