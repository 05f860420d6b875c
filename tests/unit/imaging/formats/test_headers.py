from __future__ import annotations

import struct

import pytest

from service.domain.pictures import PictureFormat
from service.imaging.formats import avif, bmp, gif, tiff, webp
from service.imaging.formats.header import Header, HeaderError
from tests.effort import lines_run
from tests.pictures.hostile import ftyp
from tests.pictures.samples import encoded, in_mode, picture, scene


def box(name: bytes, content: bytes, *, size: int | None = None, long: bool = False) -> bytes:
    if long:
        return struct.pack(">I4sQ", 1, name, 16 + len(content)) + content
    return struct.pack(">I4s", 8 + len(content) if size is None else size, name) + content


def avif_of(*properties: bytes, long: bool = False, open_end: bool = False) -> bytes:
    container = box(b"iprp", box(b"ipco", b"".join(properties), long=long))
    meta = box(b"meta", bytes(4) + container, size=0 if open_end else None, long=long)
    return ftyp(b"avif")[:16] + meta


def size_property(width: int, height: int) -> bytes:
    return box(b"ispe", bytes(4) + struct.pack(">II", width, height))


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("open_end", [False, True])
def test_avif_takes_the_largest_size_that_is_declared(long: bool, open_end: bool) -> None:
    data = avif_of(
        size_property(512, 512), size_property(4000, 3000), box(b"irot", b"\1"), long=long, open_end=open_end
    )
    assert avif.read(data, 10) == Header(4000, 3000)


def test_avif_of_endless_boxes_takes_no_more_work_than_one_of_many() -> None:
    def read(boxes: int) -> None:
        with pytest.raises(HeaderError):
            avif.read(avif_of(box(b"free", b"") * boxes), 10)

    assert lines_run(lambda: read(1_000_000)) < lines_run(lambda: read(1_000)) + 1_000


def test_brands_are_of_iso_media_files_alone() -> None:
    assert avif.brands(picture(PictureFormat.AVIF)) >= {b"avif", b"mif1"}
    assert avif.brands(picture(PictureFormat.PNG)) == frozenset()


def test_bmp_of_os2_and_from_the_top() -> None:
    old = b"BM" + bytes(12) + struct.pack("<IHHHH", 12, 60, 40, 1, 24)
    assert bmp.is_bmp(old)
    assert bmp.read(old, 1) == Header(60, 40)
    data = bytearray(picture(PictureFormat.BMP))
    struct.pack_into("<i", data, 22, -40)
    assert bmp.read(bytes(data), 1) == Header(60, 40)
    assert not bmp.is_bmp(b"BMW is a car")


def gif_of(*blocks: bytes) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", 10, 10, 0, 0, 0) + b"".join(blocks)


def frame(width: int, height: int, blocks: bytes = b"\2\x44\1\0", left: int = 0) -> bytes:
    return b"\x2c" + struct.pack("<HHHHB", left, 0, width, height, 0) + b"\2" + blocks


def test_gif_is_as_large_as_its_first_frame_reaches() -> None:
    assert gif.read(gif_of(frame(50, 5, left=7), frame(400, 400)), 10) == Header(57, 10, 2)


def test_gif_walks_over_extensions_and_palettes() -> None:
    comment = b"\x21\xfe\3\x2c\x2c\x2c\0"
    coloured = b"\x2c" + struct.pack("<HHHHB", 0, 0, 10, 10, 0x81) + bytes(12) + b"\2\0"
    assert gif.read(gif_of(comment, coloured, comment, frame(1, 1), b"\x3b", frame(1, 1)), 10).frames == 2


def test_gif_that_ends_in_the_middle_of_a_block() -> None:
    assert gif.read(gif_of(frame(10, 10, blocks=b"\xff" + bytes(20))), 10) == Header(10, 10, 1)


def test_gif_of_endless_blocks_takes_no_more_work_than_one_of_many() -> None:
    def read(blocks: int) -> None:
        assert gif.read(gif_of(frame(10, 10, blocks=b"\1\0" * blocks)), 1_000).frames == 1

    assert lines_run(lambda: read(5_000_000)) < lines_run(lambda: read(50_000)) + 1_000 < 200_000


@pytest.mark.parametrize("order", ["<", ">"])
def test_big_tiff_of_both_byte_orders(order: str) -> None:
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HHHQ", 43, 8, 0, 16)
    entries = struct.pack(order + "HHQHxxxxxx", 256, 3, 1, 60) + struct.pack(order + "HHQQ", 257, 16, 1, 40)
    data = head + struct.pack(order + "Q", 2) + entries + struct.pack(order + "Q", 0)
    assert tiff.read(data, 10) == Header(60, 40)


def test_tiff_sizes_of_two_bytes_in_the_other_order() -> None:
    entries = struct.pack(">HHIHxx", 256, 3, 1, 60) + struct.pack(">HHII", 257, 4, 1, 40)
    data = b"MM\0*" + struct.pack(">IH", 8, 2) + entries + struct.pack(">I", 10**6)
    assert tiff.read(data, 10) == Header(60, 40, 2)  # the chain leads on, but out of the file


def test_webp_of_every_form() -> None:
    simple = encoded(scene(), PictureFormat.WEBP, lossless=False)
    assert simple[12:16] == b"VP8 "
    assert webp.read(simple, 1) == Header(60, 40)
    assert not webp.is_lossless(simple)
    assert picture(PictureFormat.WEBP)[12:16] == b"VP8L"
    assert webp.read(picture(PictureFormat.WEBP), 1) == Header(60, 40)
    assert webp.is_lossless(picture(PictureFormat.WEBP))
    extended = encoded(in_mode(scene(), "RGBA"), PictureFormat.WEBP, lossless=False)
    assert extended[12:16] == b"VP8X"
    assert webp.read(extended, 1) == Header(60, 40)
