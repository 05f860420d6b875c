"""What a stored file is served as: its media type and the name that a download gets."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import quote

from service.domain.pictures import PictureFormat

UNKNOWN = "application/octet-stream"
HEAD_BYTES = 12
"""How much of a file's start `media_type` looks at."""

_SIGNATURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), PictureFormat.PNG),
    (re.compile(rb"\xff\xd8\xff"), PictureFormat.JPEG),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), PictureFormat.WEBP),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), PictureFormat.AVIF),
    (re.compile(rb"GIF8[79]a"), PictureFormat.GIF),
    (re.compile(rb"BM"), PictureFormat.BMP),
    (re.compile(rb"II\*\0|MM\0\*"), PictureFormat.TIFF),
)
_BY_EXTENSION = {
    **{picture.extension: picture.mime_type for picture in PictureFormat},
    "jpg": PictureFormat.JPEG.mime_type,
    "tif": PictureFormat.TIFF.mime_type,
    "csv": "text/csv",
    "json": "application/json",
}


def media_type(name: str, head: bytes = b"") -> str:
    """The media type that a file's first bytes show, else the one that its name suggests.

    Types that a browser would run are never among the answers.
    """
    for signature, picture in _SIGNATURES:
        if signature.match(head):
            return picture.mime_type
    return _BY_EXTENSION.get(posixpath.splitext(name)[1].lstrip(".").lower(), UNKNOWN)


def download_as(filename: str) -> str:
    """A Content-Disposition that offers a download under any name (RFC 6266, with RFC 8187 for what is not ASCII)."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
