"""Hostile and odd pictures, made when they are needed: what each class is, and how it must be refused."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO

from PIL import PngImagePlugin

from service.domain.pictures import PictureFault, PictureFormat
from tests.pictures.samples import encoded, picture, scene, with_metadata


@dataclass(frozen=True)
class Hostile:
    """Bytes that a header already gives away: `fault` and a part of the message."""

    make: Callable[[], bytes]
    fault: PictureFault
    says: str = ""


def png_chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png(width: int, height: int, *, before: bytes = b"", pixels: bytes | None = None, depth: int = 8) -> bytes:
    """A PNG in RGB with a header that may lie."""
    raw = b"".join(b"\0" + b"\x7f" * (width * 3) for _ in range(height)) if pixels is None else pixels
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0))
    body = header + before + png_chunk(b"IDAT", zlib.compress(raw))
    return b"\x89PNG\r\n\x1a\n" + body + png_chunk(b"IEND", b"")


def jpeg_with(segments: bytes) -> bytes:
    whole = picture(PictureFormat.JPEG)
    return whole[:2] + segments + whole[2:]


def jpeg_sized(width: int, height: int) -> bytes:
    """A JPEG whose frame header claims another size."""
    whole = bytearray(encoded(scene(), PictureFormat.JPEG))
    at = whole.index(b"\xff\xc0") + 5
    struct.pack_into(">HH", whole, at, height, width)
    return bytes(whole)


def gif_frames(count: int) -> bytes:
    """A GIF of one pixel with so many frames."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return head + (b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0") * count + b"\x3b"


def gif_sized(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + b"\x2c" + bytes(8) + b"\0\x02\x02\x44\x01\0\x3b"


def bmp_sized(width: int, height: int) -> bytes:
    whole = bytearray(picture(PictureFormat.BMP))
    struct.pack_into("<ii", whole, 18, width, height)
    return bytes(whole)


def tiff(entries: Mapping[int, int], *, following: int = 0) -> bytes:
    """A TIFF of one directory with LONG values and no pixels."""
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", following)


def webp_sized(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + size
    return b"RIFF" + struct.pack("<I", len(body)) + body


def avif_sized(width: int, height: int) -> bytes:
    whole = bytearray(picture(PictureFormat.AVIF))
    struct.pack_into(">II", whole, whole.index(b"ispe") + 8, width, height)
    return bytes(whole)


def ftyp(brand: bytes, *others: bytes) -> bytes:
    brands = brand + bytes(4) + b"".join(others)
    return struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + bytes(64)


def pillow(format_: str) -> bytes:
    buffer = BytesIO()
    scene(64, 64).save(buffer, format=format_)
    return buffer.getvalue()


_SVG = b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
_DAMAGED, _UNSUPPORTED = PictureFault.DAMAGED, PictureFault.UNSUPPORTED_FORMAT
_NONE, _PIXELS = PictureFault.NOT_A_PICTURE, PictureFault.TOO_MANY_PIXELS

BY_HEADER: Mapping[str, Hostile] = {
    "empty": Hostile(lambda: b"", PictureFault.EMPTY),
    "text": Hostile(lambda: b"hello, world", _NONE),
    "zeros": Hostile(lambda: bytes(1000), _NONE),
    "html": Hostile(lambda: b"<!DOCTYPE html><html><img src=x>", _NONE),
    "html without a doctype": Hostile(lambda: b"\n <HTML><script>1</script>", _NONE, "web page"),
    "json": Hostile(lambda: b'{"error": "not found"}', _NONE, "JSON"),
    "pdf": Hostile(lambda: b"%PDF-1.7\n", _NONE, "PDF"),
    "zip": Hostile(lambda: b"PK\3\4" + bytes(40), _NONE, "ZIP"),
    "video": Hostile(lambda: ftyp(b"isom", b"mp42"), _NONE, "video"),
    "quicktime": Hostile(lambda: bytes(4) + b"moov" + bytes(40), _NONE, "video"),
    "sound": Hostile(lambda: b"RIFF\x24\0\0\0WAVEfmt ", _NONE, "sound"),
    "program": Hostile(lambda: b"\x7fELF" + bytes(60), _NONE, "program"),
    "svg": Hostile(lambda: _SVG, _UNSUPPORTED, "SVG"),
    "svg with a doctype": Hostile(lambda: b'<!DOCTYPE svg PUBLIC "x" "y">\n<svg/>', _UNSUPPORTED, "SVG"),
    "heic": Hostile(lambda: ftyp(b"heic", b"mif1", b"heic"), _UNSUPPORTED, "HEIC, which is not supported"),
    "heif by brand": Hostile(lambda: ftyp(b"mif1", b"heix"), _UNSUPPORTED, "HEIC"),
    "canon raw": Hostile(lambda: b"II*\0\x10\0\0\0CR\2\0" + bytes(60), _UNSUPPORTED, "camera raw"),
    "canon raw 3": Hostile(lambda: ftyp(b"crx ", b"isom"), _UNSUPPORTED, "camera raw"),
    "dng": Hostile(lambda: tiff({254: 0, 256: 60, 257: 40, 50706: 1}), _UNSUPPORTED, "camera raw"),
    "tiff thumbnail first": Hostile(lambda: tiff({254: 1, 256: 60, 257: 40}), _UNSUPPORTED, "camera raw"),
    "jpeg 2000": Hostile(lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40), _UNSUPPORTED, "JPEG 2000"),
    "jpeg xl": Hostile(lambda: b"\xff\x0a" + bytes(40), _UNSUPPORTED, "JPEG XL"),
    "icon": Hostile(lambda: pillow("ICO"), _UNSUPPORTED, "ICO"),
    "netpbm": Hostile(lambda: pillow("PPM"), _UNSUPPORTED, "netpbm"),
    "dds": Hostile(lambda: pillow("DDS"), _UNSUPPORTED, "DDS"),
    "photoshop": Hostile(lambda: b"8BPS\0\1" + bytes(40), _UNSUPPORTED, "Photoshop"),
    "eps": Hostile(lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", _UNSUPPORTED, "PostScript"),
    "bitmap of a strange kind": Hostile(lambda: b"BM" + bytes(60), _UNSUPPORTED),
    "png cut in its header": Hostile(lambda: picture(PictureFormat.PNG)[:20], _DAMAGED),
    "png signature alone": Hostile(lambda: b"\x89PNG\r\n\x1a\n", _DAMAGED),
    "png of zero width": Hostile(lambda: png(0, 10), _DAMAGED, "zero"),
    "png bomb": Hostile(lambda: png(60_000, 60_000, pixels=b""), _PIXELS, "60000 x 60000"),
    "png of the largest size": Hostile(lambda: png(2**32 - 1, 2**32 - 1, pixels=b""), _PIXELS),
    "png with too many chunks": Hostile(
        lambda: png(1, 1, before=png_chunk(b"tEXt", b"a\0b") * 20_000), _DAMAGED, "chunks"
    ),
    "png with too many frames": Hostile(
        lambda: png(1, 1, before=png_chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))), PictureFault.TOO_MANY_FRAMES
    ),
    "jpeg cut in its header": Hostile(lambda: picture(PictureFormat.JPEG)[:30], _DAMAGED),
    "jpeg of zero height": Hostile(lambda: jpeg_sized(100, 0), _DAMAGED, "zero"),
    "jpeg of a scan without a frame": Hostile(lambda: b"\xff\xd8\xff\xda\0\2" + bytes(20), _DAMAGED, "frame header"),
    "jpeg bomb": Hostile(lambda: jpeg_sized(65_535, 65_535), _PIXELS),
    "jpeg of endless segments": Hostile(lambda: jpeg_with(b"\xff\xfe\0\2" * 3_000_000), _DAMAGED, "segments"),
    "jpeg of endless fill": Hostile(lambda: jpeg_with(b"\xff" * 12_000_000), _DAMAGED),
    "jpeg segment beyond the end": Hostile(lambda: b"\xff\xd8\xff\xe0\xff\xff" + bytes(20), _DAMAGED),
    "gif without a frame": Hostile(lambda: b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0, 0, 0) + b"\x3b", _DAMAGED),
    "gif cut in its header": Hostile(lambda: b"GIF89a\1", _DAMAGED),
    "gif of zero size": Hostile(lambda: gif_sized(0, 0), _DAMAGED),
    "gif bomb": Hostile(lambda: gif_sized(65_535, 65_535), _PIXELS),
    "gif with 100,000 frames": Hostile(lambda: gif_frames(100_000), PictureFault.TOO_MANY_FRAMES),
    "bmp bomb": Hostile(lambda: bmp_sized(2**31 - 1, 2**31 - 1), _PIXELS),
    "bmp of negative width": Hostile(lambda: bmp_sized(-60, 40), _DAMAGED),
    "bmp of zero height": Hostile(lambda: bmp_sized(60, 0), _DAMAGED),
    "bmp cut in its header": Hostile(lambda: picture(PictureFormat.BMP)[:20], _DAMAGED),
    "tiff without a size": Hostile(lambda: tiff({258: 8}), _DAMAGED),
    "tiff directory nowhere": Hostile(lambda: b"II*\0\xff\xff\xff\xff", _DAMAGED),
    "tiff in a circle": Hostile(lambda: tiff({256: 9, 257: 9}, following=8), _DAMAGED, "circle"),
    "tiff bomb": Hostile(lambda: tiff({256: 2**32 - 1, 257: 2**32 - 1}), _PIXELS),
    "webp bomb": Hostile(lambda: webp_sized(16_777_216, 16_777_216), _PIXELS),
    "webp of a strange chunk": Hostile(lambda: b"RIFF\x20\0\0\0WEBPJUNK" + bytes(20), _DAMAGED),
    "webp of endless chunks": Hostile(
        lambda: b"RIFF\xff\xff\xff\xffWEBPVP8X" + struct.pack("<I", 10) + bytes(10) + (b"JUNK" + bytes(4)) * 1_000_000,
        _DAMAGED,
    ),
    "webp cut in its header": Hostile(lambda: picture(PictureFormat.WEBP)[:18], _DAMAGED),
    "avif bomb": Hostile(lambda: avif_sized(2**31, 2**31), _PIXELS),
    "avif without a size": Hostile(lambda: ftyp(b"avif"), _DAMAGED),
    "avif of boxes without length": Hostile(lambda: ftyp(b"avif")[:16] + struct.pack(">I", 3) + b"meta", _DAMAGED),
}
"""What `inspect` refuses."""


def truncated(format_: PictureFormat) -> bytes:
    whole = picture(format_)
    return whole[: len(whole) * 3 // 4]


@cache
def compressed_text_bomb() -> bytes:
    """Twenty text chunks that unfold to 400 MB, in 400 kB."""
    text = b"Comment\0\0" + zlib.compress(bytes(20_000_000), 9)
    return png(60, 40, before=png_chunk(b"zTXt", text) * 20)


@cache
def profile_bomb() -> bytes:
    """A colour profile that unfolds to 100 MB."""
    return png(60, 40, before=png_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(100_000_000), 9)))


@cache
def pixels_bomb() -> bytes:
    """A header of one row and pixel data that unfolds to 200 MB."""
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(10_000_000)) for _ in range(20)) + packer.flush()
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 60, 1, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


def text_and_picture() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "<script>alert(1)</script>")
    return encoded(scene(), PictureFormat.PNG, pnginfo=info)


BY_PIXELS: Mapping[str, Callable[[], bytes]] = {
    "png cut off": lambda: truncated(PictureFormat.PNG),
    "jpeg cut off": lambda: truncated(PictureFormat.JPEG),
    "webp cut off": lambda: truncated(PictureFormat.WEBP),
    "avif cut off": lambda: truncated(PictureFormat.AVIF),
    "bmp cut off": lambda: truncated(PictureFormat.BMP),
    "tiff cut off": lambda: truncated(PictureFormat.TIFF),
    "png that claims more than it has": lambda: png(2_000, 2_000, pixels=bytes(100)),
    "png without pixels": lambda: png(60, 40)[:33],
    "png of noise": lambda: png(60, 40)[:60] + bytes(range(256)) * 4,
    "png of a strange depth": lambda: png(60, 40, depth=7),
    "webp that claims another canvas": lambda: webp_sized(60, 40),
    "tiff without pixels": lambda: tiff({256: 60, 257: 40, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 40, 279: 2400}),
    "tiff of strips beyond the end": lambda: tiff({256: 60, 257: 40, 258: 8, 259: 5, 262: 1, 273: 2**31, 279: 2**31}),
}
"""Headers that pass and pixels that do not decode: refused as damaged."""

ODD_BUT_GOOD: Mapping[str, Callable[[], bytes]] = {
    "text bomb": compressed_text_bomb,
    "profile bomb": profile_bomb,
    "pixel data beyond the last row": pixels_bomb,
    "png and html": text_and_picture,
    "png and zip": lambda: picture(PictureFormat.PNG) + b"PK\3\4" + bytes(1000),
    "jpeg and zip": lambda: picture(PictureFormat.JPEG) + b"PK\3\4" + bytes(1000),
    "gif and script": lambda: picture(PictureFormat.GIF, "P") + b"/*<script>*/",
    "jpeg with rubbish for exif": lambda: jpeg_with(b"\xff\xe1\0\x20Exif\0\0II*\0\xff\xff\xff\xff" + bytes(16)),
    "jpeg with text for exif": lambda: jpeg_with(b"\xff\xe1\0\x20Exif\0\0" + b"where is it?" * 2),
    "jpeg with a marker for nothing": lambda: jpeg_with(b"\xff\1"),
    "jpeg of a rare orientation": lambda: with_metadata(PictureFormat.JPEG, orientation=99),
    "png without its end": lambda: picture(PictureFormat.PNG)[:-12],
    "bmp from the top": lambda: bmp_sized(60, -40),
}
"""Pictures with something strange about them that is cut out or passed over."""
