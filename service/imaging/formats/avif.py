"""AVIF (AV1 Image File Format 1.1) in its ISO base media container (ISO/IEC 14496-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from service.imaging.formats.header import Header, HeaderError

_MAX_BOXES = 500
_BRANDS_UP_TO = 256
_HEAD_BYTES = 8
_LONG_HEAD_BYTES = 16
_FULL_BOX = 4  # version and flags

_Span = tuple[int, int]


def brands(data: bytes) -> frozenset[bytes]:
    """The brands of an ISO media file, major one included; none when it is no such file."""
    if data[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(data[:4], "big"), len(data), _BRANDS_UP_TO)
    compatible = (data[at : at + 4] for at in range(16, end - 3, 4))
    return frozenset({data[8:12], *compatible})


def read(data: bytes, max_frames: int) -> Header:  # noqa: ARG001 - the reader's signature; the count is declared
    """The header of an AVIF: the largest of the sizes that its items declare, tiles being smaller than the whole."""
    whole = (0, len(data))
    meta = _inner(data, whole, b"meta")
    properties = _inner(data, (meta[0] + _FULL_BOX, meta[1]), b"iprp", b"ipco")
    sizes = [struct.unpack_from(">II", data, start + _FULL_BOX) for start, _ in _boxes(data, properties, b"ispe")]
    if not sizes:
        raise HeaderError("it declares no size")
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    samples, _ = _inner(data, whole, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsz")
    frames = int.from_bytes(data[samples + 8 : samples + 12], "big") if samples else 1
    return Header(width, height, max(1, frames))


def _inner(data: bytes, span: _Span, *path: bytes) -> _Span:
    """The content of the first box on a path; an empty span at 0 when there is none."""
    for name in path:
        span = next(_boxes(data, span, name), (0, 0))
    return span


def _boxes(data: bytes, span: _Span, name: bytes) -> Iterator[_Span]:
    """Contents of the boxes of that name in a span."""
    position, limit = span
    for _ in range(_MAX_BOXES):
        if position + _HEAD_BYTES > limit:
            return
        size, kind = struct.unpack_from(">I4s", data, position)
        head = _HEAD_BYTES
        if size == 1:
            size, head = int.from_bytes(data[position + 8 : position + 16], "big"), _LONG_HEAD_BYTES
        elif size == 0:
            size = limit - position
        if size < head:
            raise HeaderError("one of its boxes is shorter than its own head")
        if kind == name:
            yield position + head, min(position + size, limit)
        position += size
