"""Telling what bytes are by how they begin, whatever was declared."""

from __future__ import annotations

import re

from service.domain.pictures import PictureFault, PictureFormat, PictureRefusedError
from service.imaging.formats import avif, bmp, gif, jpeg, png, tiff, webp

_LOOKED_AT_BYTES = 1024

_UNSUPPORTED = (
    (b"8BPS", "a Photoshop document"),
    (b"\0\0\1\0", "an icon (ICO)"),
    (b"\0\0\2\0", "a cursor (CUR)"),
    (b"icns", "an icon (ICNS)"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"II\xbc\1", "JPEG XR"),
    (b"\x8aMNG\r\n\x1a\n", "MNG"),
    (b"\x8bJNG\r\n\x1a\n", "JNG"),
    (b"gimp xcf", "a GIMP document"),
    (b"DDS ", "DDS"),
    (b"qoif", "QOI"),
    (b"v/1\1", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"\xd7\xcd\xc6\x9a", "WMF"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"%!PS", "PostScript"),
    (b"FUJIFILMCCD-RAW", "a camera raw file"),
    (b"IIRO", "a camera raw file"),
    (b"IIU\0", "a camera raw file"),
)
_NO_PICTURE = (
    (b"%PDF-", "a PDF document"),
    (b"PK\3\4", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"RIFF", "a video or a sound"),
    (b"ID3", "a sound"),
    (b"OggS", "a video or a sound"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"{", "JSON"),
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"mif2"})
_NETPBM = re.compile(rb"P[1-7fF][ \t\r\n#]")
_MARKUP = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*"
    rb"(?:<\?xml[^>]{0,200}\?>\s*|<!--.{0,400}?-->\s*|<!DOCTYPE svg[^>]{0,300}>\s*){0,3}<(\w{1,20})",
    re.IGNORECASE | re.DOTALL,
)


def sniff(data: bytes) -> PictureFormat:
    """The format of a picture by its first bytes.

    Raises:
        PictureRefusedError: the bytes are no picture, or one of a format that is not read.
    """
    found = _readable(data)
    if found is not None:
        return found
    head = data[:_LOOKED_AT_BYTES]
    for start, name in _UNSUPPORTED:
        if head.startswith(start):
            raise unsupported(name)
    _refuse_container(head)
    if _NETPBM.match(head):
        raise unsupported("a netpbm picture (PBM, PGM, PPM or PAM)")
    if head[:2] == b"BM":
        raise unsupported("a bitmap of an unknown kind")
    markup = _MARKUP.match(head)
    if markup is not None:
        if markup[1].lower() == b"svg":
            raise unsupported("an SVG drawing")
        raise _no_picture("a web page or another markup document")
    for start, name in _NO_PICTURE:
        if head.startswith(start):
            raise _no_picture(name)
    raise PictureRefusedError(PictureFault.NOT_A_PICTURE, "The bytes are not a picture in any known format.")


def unsupported(name: str) -> PictureRefusedError:
    """The refusal of a picture whose format is known and not read."""
    readable = ", ".join(readable.name for readable in PictureFormat)
    return PictureRefusedError(
        PictureFault.UNSUPPORTED_FORMAT, f"This is {name}, which is not supported; send one of {readable}."
    )


def _readable(data: bytes) -> PictureFormat | None:
    matches = (
        (PictureFormat.JPEG, data.startswith(jpeg.SIGNATURE)),
        (PictureFormat.PNG, data.startswith(png.SIGNATURE)),
        (PictureFormat.WEBP, webp.is_webp(data)),
        (PictureFormat.GIF, data.startswith(gif.SIGNATURES)),
        (PictureFormat.TIFF, data.startswith(tiff.SIGNATURES) and data[8:10] != b"CR"),  # Canon's raw files
        (PictureFormat.BMP, bmp.is_bmp(data)),
        (PictureFormat.AVIF, not _AVIF_BRANDS.isdisjoint(avif.brands(data))),
    )
    return next((format_ for format_, matched in matches if matched), None)


def _refuse_container(head: bytes) -> None:
    """Refuse the files that share AVIF's container or TIFF's first bytes."""
    if head.startswith(tiff.SIGNATURES):
        raise unsupported("a camera raw file")
    brands = avif.brands(head)
    if brands & _HEIF_BRANDS:
        raise unsupported("HEIC")
    if b"crx " in brands:
        raise unsupported("a camera raw file")
    if brands or head[4:8] in {b"moov", b"mdat", b"wide", b"free"}:
        raise _no_picture("a video or a sound")


def _no_picture(name: str) -> PictureRefusedError:
    return PictureRefusedError(PictureFault.NOT_A_PICTURE, f"This is {name}, not a picture.")
