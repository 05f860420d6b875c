from __future__ import annotations

import pytest
from PIL import Image, ImageCms

from service.domain.pictures import PictureFormat, PictureInfo
from service.imaging.formats.header import HeaderError
from service.imaging.inspection import PictureLimits, inspect
from service.imaging.metadata import without_metadata
from tests.pictures.hostile import compressed_text_bomb, jpeg_with, png, png_chunk, profile_bomb
from tests.pictures.samples import SECRET, animated, encoded, in_mode, opened, photograph, picture, scene, with_metadata

CUTTABLE = [PictureFormat.PNG, PictureFormat.JPEG, PictureFormat.WEBP]
LIMITS = PictureLimits(max_bytes=10**8, max_pixels=10**8, max_frames=100)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def info(data: bytes) -> PictureInfo:
    return inspect(data, LIMITS)


@pytest.mark.parametrize("format_", CUTTABLE)
def test_cuts_everything_but_the_pixels(format_: PictureFormat) -> None:
    data = with_metadata(format_, orientation=6, icc_profile=PROFILE, xmp=b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>")
    assert data.count(SECRET) >= 1
    cut = without_metadata(data + b"appended", info(data))
    assert cut is not None
    assert SECRET not in cut.data
    assert b"appended" not in cut.data
    assert {"exif", "xmp", "icc_profile", "XML:com.adobe.xmp"}.isdisjoint(opened(cut.data).info)
    assert opened(cut.data).tobytes() == opened(data).tobytes()
    assert cut.icc == PROFILE
    exif = Image.Exif()
    exif.load(cut.exif)
    assert exif[0x0112] == 6


@pytest.mark.parametrize("format_", CUTTABLE)
def test_what_has_no_metadata_stays_as_it_is(format_: PictureFormat) -> None:
    data = picture(format_)
    cut = without_metadata(data, info(data))
    assert cut is not None
    assert (cut.data, cut.exif, cut.icc) == (data, None, None)


@pytest.mark.parametrize("mode", ["P", "LA", "RGBA", "1", "I;16"])
def test_transparency_and_palettes_of_png_stay(mode: str) -> None:
    data = picture(PictureFormat.PNG, mode)
    cut = without_metadata(data, info(data))
    assert cut is not None
    assert opened(cut.data).convert("RGBA").tobytes() == opened(data).convert("RGBA").tobytes()


@pytest.mark.parametrize("lossless", [True, False])
def test_transparency_of_webp_stays(lossless: bool) -> None:
    data = encoded(in_mode(scene(), "RGBA"), PictureFormat.WEBP, lossless=lossless, exif=b"Exif\0\0" + SECRET)
    cut = without_metadata(data, info(data))
    assert cut is not None
    assert SECRET not in cut.data
    assert opened(cut.data).tobytes() == opened(data).tobytes()


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_blocks": 1}, {"comment": SECRET}])
def test_every_kind_of_jpeg_survives(options: dict[str, object]) -> None:
    data = encoded(opened(photograph()), PictureFormat.JPEG, **options)
    cut = without_metadata(data, info(data))
    assert cut is not None
    assert SECRET not in cut.data
    assert opened(cut.data).tobytes() == opened(data).tobytes()


def test_colour_coding_of_cmyk_jpeg_stays() -> None:
    data = picture(PictureFormat.JPEG, "CMYK")
    cut = without_metadata(data, info(data))
    assert cut is not None
    assert opened(cut.data).tobytes() == opened(data).tobytes()


def test_thumbnails_in_jfif_go() -> None:
    thumbnail = b"JFIF\0\1\2\0\0\1\0\1\1\1" + SECRET[:3]
    data = jpeg_with(b"\xff\xe0" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail)
    cut = without_metadata(data, info(data))
    assert cut is not None
    assert SECRET[:3] not in cut.data


def test_of_an_animated_png_the_standing_picture_remains() -> None:
    data = animated(PictureFormat.PNG)
    cut = without_metadata(data, info(data))
    assert cut is not None
    assert info(cut.data).frames == 1
    assert opened(cut.data).convert("RGB").tobytes() == scene().tobytes()


@pytest.mark.parametrize(
    "data",
    [
        animated(PictureFormat.WEBP),
        *[
            picture(format_)
            for format_ in PictureFormat
            if format_ not in CUTTABLE and format_ is not PictureFormat.GIF
        ],
    ],
)
def test_what_cannot_be_cut(data: bytes) -> None:
    assert without_metadata(data, info(data)) is None


@pytest.mark.parametrize("payload", [b"", b"x\0\1abc", b"x\0\0not deflated", b"x" * 200])
def test_broken_profiles_of_png_go(payload: bytes) -> None:
    data = png(60, 40, before=png_chunk(b"iCCP", payload))
    cut = without_metadata(data, info(data))
    assert cut is not None
    assert cut.icc is None


@pytest.mark.parametrize("make", [compressed_text_bomb, profile_bomb])
def test_bombs_in_metadata_are_cut_unexploded(make: object) -> None:
    data: bytes = make()  # type: ignore[operator]
    cut = without_metadata(data, info(data))
    assert cut is not None
    assert len(cut.data) < 1_000
    assert cut.icc is None


def test_a_profile_in_many_parts_is_put_together() -> None:
    parts = [b"ICC_PROFILE\0" + bytes([number, 2]) + half for number, half in ((2, b"world"), (1, b"hello "))]
    data = jpeg_with(b"".join(b"\xff\xe2" + (len(part) + 2).to_bytes(2, "big") + part for part in parts))
    cut = without_metadata(data, info(data))
    assert cut is not None
    assert cut.icc == b"hello world"


def test_a_jpeg_of_endless_scans_is_none() -> None:
    data = picture(PictureFormat.JPEG)[:-2] + b"\xff\xda\0\2" * 5_000
    with pytest.raises(HeaderError):
        without_metadata(data, info(data))
