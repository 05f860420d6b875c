"""BMP (Microsoft's device-independent bitmap in a file)."""

from __future__ import annotations

import struct

from service.imaging.formats.header import Header, HeaderError

SIGNATURE = b"BM"
_OS2_HEADER_BYTES = 12
_HEADER_BYTES = frozenset({16, 40, 52, 56, 64, 108, 124})


def is_bmp(data: bytes) -> bool:
    """Whether the bytes begin as BMP files do; two letters alone would match too much."""
    return data[:2] == SIGNATURE and int.from_bytes(data[14:18], "little") in {_OS2_HEADER_BYTES, *_HEADER_BYTES}


def read(data: bytes, max_frames: int) -> Header:  # noqa: ARG001 - the reader's signature; a BMP has one frame
    """The header of a BMP; a negative height means rows from the top."""
    if int.from_bytes(data[14:18], "little") == _OS2_HEADER_BYTES:
        return Header(*struct.unpack_from("<HH", data, 18))
    width, height = struct.unpack_from("<ii", data, 18)
    if width < 0:
        raise HeaderError("its width is negative")
    return Header(width, abs(height))
