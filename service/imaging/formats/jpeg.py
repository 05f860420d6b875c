"""JPEG (ITU-T T.81) with the JFIF and EXIF application segments."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from service.imaging.formats.cut import MAX_PROFILE_BYTES, Cut
from service.imaging.formats.header import Header, HeaderError

SIGNATURE = b"\xff\xd8\xff"

_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_METADATA = frozenset({*range(0xE0, 0xF0), 0xFE})  # APPn and COM
_JFIF, _APP1, _APP2, _ADOBE = 0xE0, 0xE1, 0xE2, 0xEE
_MAX_SEGMENTS = 4_000  # a progressive picture has hundreds
_MAX_SEGMENTS_OF_HEADER = 1_000  # 64 MB of metadata

_FIRST_ROWS_BYTES = 16 * 1024  # the header of the scan among them

_MARKER = re.compile(rb"\xff{1,64}([^\xff\x00])", re.DOTALL)
_AFTER_SCAN = re.compile(rb"\xff([^\xff\x00\xd0-\xd7])", re.DOTALL)


class _Segment(NamedTuple):
    marker: int
    start: int
    payload: int  # where the content begins, behind the length
    end: int


def read(data: bytes, max_frames: int) -> Header:  # noqa: ARG001 - the reader's signature; a JPEG has one frame
    """The header of a JPEG: its first frame header."""
    for segment in _segments(data, at_most=_MAX_SEGMENTS_OF_HEADER):
        if segment.marker in _FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", data, segment.payload + 1)
            return Header(width, height)
    raise HeaderError("it has no frame header")


def cut(data: bytes) -> Cut:
    """A JPEG without EXIF, XMP, IPTC, comments, thumbnails and whatever follows its end.

    The Adobe segment stays: it says how the colours are coded.
    """
    view = memoryview(data)
    kept: list[bytes | memoryview] = [b"\xff\xd8"]
    exif: bytes | None = None
    profile: list[bytes] = []
    for segment in _segments(data, at_most=_MAX_SEGMENTS, beyond_scans=True):
        content = data[segment.payload : segment.end] if segment.marker in _METADATA else b""
        if segment.marker not in _METADATA or _is_needed(segment.marker, content):
            kept.append(view[segment.start : segment.end])
        elif segment.marker == _APP1 and content.startswith(b"Exif\0"):
            exif = exif or content[6:]
        elif segment.marker == _APP2 and content.startswith(b"ICC_PROFILE\0"):
            profile.append(content[12:])
    return Cut(b"".join(kept), exif, _joined(profile))


def beginning(data: bytes) -> bytes | None:
    """The headers and the first rows of a JPEG of one scan, closed properly: what there is to learn from decoding it.

    Behind them come only coded pixels, and about those decoders complain of two things, neither of which is here: a
    marker in their midst, and an end that is missing. Whatever else has become of them passes as a picture.

    Returns:
        None when there are several scans, or no end: then only decoding the whole will tell.
    """
    segments = list(_segments(data, at_most=_MAX_SEGMENTS, beyond_scans=True))
    scans = [segment for segment in segments if segment.marker == _START_OF_SCAN]
    if len(scans) != 1 or [segment.marker for segment in segments[-2:]] != [_START_OF_SCAN, _END_OF_IMAGE]:
        return None
    (scan,) = scans
    return data[: min(scan.payload + _FIRST_ROWS_BYTES, scan.end)] + b"\xff\xd9"


def _is_needed(marker: int, content: bytes) -> bool:
    without_thumbnail = marker == _JFIF and content.startswith(b"JFIF\0") and content[12:14] == b"\0\0"
    return without_thumbnail or (marker == _ADOBE and content.startswith(b"Adobe"))


def _segments(data: bytes, *, at_most: int, beyond_scans: bool = False) -> Iterator[_Segment]:
    """The segments up to the first scan, or through all scans to the end of the image.

    A scan reaches to the next marker; with it ends what a decoder reads of a picture that is cut off.
    """
    position = 2
    for _ in range(at_most):
        found = _MARKER.match(data, position)
        if found is None:
            return
        marker = found[1][0]
        if marker == _END_OF_IMAGE:
            yield _Segment(marker, found.start(), found.end(), found.end())
            return
        if marker in _ALONE:  # they mean nothing here
            position = found.end()
            continue
        payload = found.end() + 2
        position = found.end() + int.from_bytes(data[found.end() : payload], "big")
        if position < payload or position > len(data):
            raise HeaderError("one of its segments is longer than the file")
        if marker == _START_OF_SCAN:
            if not beyond_scans:
                return
            position = _scan_end(data, position)
        yield _Segment(marker, found.start(), payload, position)
    raise HeaderError(f"it has more than {at_most} segments")


def _scan_end(data: bytes, position: int) -> int:
    found = _AFTER_SCAN.search(data, position)
    return len(data) if found is None else found.start()


def _joined(parts: list[bytes]) -> bytes | None:
    """An ICC profile from its numbered parts (ICC.1, annex B.4)."""
    whole = b"".join(part[2:] for part in sorted(parts, key=lambda part: part[:1]))
    return whole if 0 < len(whole) <= MAX_PROFILE_BYTES else None
