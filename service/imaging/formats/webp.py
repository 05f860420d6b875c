"""WebP (RFC 9649)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from service.imaging.formats.cut import MAX_PROFILE_BYTES, Cut
from service.imaging.formats.header import Header, HeaderError

_FIRST_CHUNK = 12
_CHUNK_HEAD = struct.Struct("<4sI")
_MAX_CHUNKS = 4_000
_PIXELS = frozenset({b"VP8 ", b"VP8L", b"ALPH"})
_FLAG_ALPHA = 0x10


class _Chunk(NamedTuple):
    type: bytes
    start: int
    payload: int
    end: int  # without the padding byte


def is_webp(data: bytes) -> bool:
    """Whether the bytes begin as WebP files do."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def read(data: bytes, max_frames: int) -> Header:
    """The header of a WebP: the canvas of the extended form, the frame of the simple ones."""
    kind = data[12:16]
    if kind == b"VP8X":
        width = 1 + int.from_bytes(data[24:27], "little")
        height = 1 + int.from_bytes(data[27:30], "little")
        return Header(width, height, _frames(data, max_frames))
    if kind == b"VP8L" and data[20] == 0x2F:  # noqa: PLR2004 - the signature of the lossless coding
        bits = int.from_bytes(data[21:25], "little")
        return Header(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header(width & 0x3FFF, height & 0x3FFF)
    raise HeaderError("its first chunk is none that a WebP begins with")


def is_lossless(data: bytes) -> bool:
    """Whether the pixels of a still WebP are coded without loss."""
    return any(chunk.type == b"VP8L" for chunk in _chunks(data))


def cut(data: bytes) -> Cut:
    """A still WebP without EXIF, XMP, profile and unknown chunks; of an animation nothing would remain."""
    pixels: list[bytes] = []
    exif = icc = None
    alpha = False
    for chunk in _chunks(data):
        payload = data[chunk.payload : chunk.end]
        if chunk.type in _PIXELS:
            pixels.append(_CHUNK_HEAD.pack(chunk.type, len(payload)) + payload + b"\0" * (len(payload) % 2))
        elif chunk.type == b"EXIF":
            exif = payload.removeprefix(b"Exif\0\0")
        elif chunk.type == b"ICCP" and len(payload) <= MAX_PROFILE_BYTES:
            icc = payload
        elif chunk.type == b"VP8X":
            alpha = bool(payload[0] & _FLAG_ALPHA)
        alpha = alpha or chunk.type == b"ALPH"
    header = read(data, 1)
    extended = b""
    if alpha:  # the simple form has no separate transparency
        size = (header.width - 1).to_bytes(3, "little") + (header.height - 1).to_bytes(3, "little")
        extended = _CHUNK_HEAD.pack(b"VP8X", 10) + bytes([_FLAG_ALPHA, 0, 0, 0]) + size
    body = b"WEBP" + extended + b"".join(pixels)
    return Cut(_CHUNK_HEAD.pack(b"RIFF", len(body)) + body, exif, icc)


def _frames(data: bytes, max_frames: int) -> int:
    frames = 0
    for chunk in _chunks(data):
        frames += chunk.type == b"ANMF"
        if frames > max_frames:
            break
    return max(1, frames)


def _chunks(data: bytes) -> Iterator[_Chunk]:
    start = _FIRST_CHUNK
    limit = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    for _ in range(_MAX_CHUNKS):
        if start + _CHUNK_HEAD.size > limit:
            return
        kind, length = _CHUNK_HEAD.unpack_from(data, start)
        payload = start + _CHUNK_HEAD.size
        yield _Chunk(kind, start, payload, payload + length)
        start = payload + length + length % 2
    raise HeaderError(f"it has more than {_MAX_CHUNKS} chunks")
