from __future__ import annotations

import warnings

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat

from service.domain.pictures import PictureFault, PictureFormat, PictureInfo, PictureRefusedError
from service.imaging.decoding import decode
from service.imaging.encoding import on_white
from service.imaging.inspection import PictureLimits, inspect
from tests.pictures.hostile import BY_PIXELS, ODD_BUT_GOOD, png
from tests.pictures.samples import FORMATS_AND_MODES, animated, encoded, in_mode, opened, picture, scene, with_metadata

LIMITS = PictureLimits(max_bytes=10**8, max_pixels=10**7, max_frames=100)
SAID = {
    "1": "1 to RGB",
    "P": "a colour palette to RGB",
    "LA": "grey with transparency to RGBA",
    "CMYK": "CMYK to RGB",
    "YCbCr": "YCbCr to RGB",
    "LAB": "LAB to RGB",
    "I;16": "reduced to 8 bits per channel",
    "I": "reduced to 8 bits per channel",
    "F": "reduced to 8 bits per channel",
}


def decoded(data: bytes) -> tuple[Image.Image, tuple[str, ...]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = decode(data, inspect(data, LIMITS), LIMITS.max_pixels)
    return result.image, result.changes


def difference(one: Image.Image, other: Image.Image) -> float:
    assert one.size == other.size
    return max(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean)


@pytest.mark.parametrize(("format_", "mode"), FORMATS_AND_MODES)
def test_every_mode_becomes_rgb_and_looks_the_same(format_: PictureFormat, mode: str) -> None:
    image, changes = decoded(picture(format_, mode))
    grey = mode in {"1", "L", "LA", "I;16", "I", "F"}
    expected = scene().convert("1" if mode == "1" else "L") if grey else scene()
    assert image.mode == ("RGBA" if mode in {"LA", "RGBA"} else "RGB")
    if mode in {"LA", "RGBA"}:  # what nobody sees may have any colour
        image, expected = on_white(image), on_white(in_mode(scene(), mode).convert("RGBA"))
    assert difference(image, expected) < 6
    assert image.info == {}
    if mode in SAID and not (format_ is PictureFormat.GIF or (format_ is PictureFormat.BMP and mode == "1")):
        assert any(SAID[mode] in change or (mode == "1" and "one bit" in change) for change in changes)
    if mode in {"L", "RGB", "RGBA"} and format_ is not PictureFormat.GIF:
        assert changes == ()


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_stays(mode: str) -> None:
    image, _ = decoded(picture(PictureFormat.PNG, mode))
    assert image.getchannel("A").getpixel((5, 5)) == 0
    assert image.getchannel("A").getpixel((50, 30)) == 255


def test_a_transparent_colour_becomes_transparency() -> None:
    image, changes = decoded(encoded(scene(), PictureFormat.PNG, transparency=(220, 20, 20)))
    assert image.getpixel((5, 5))[3] == 0
    assert image.getpixel((50, 5))[3] == 255
    assert changes == ("converted from one transparent colour to RGBA",)


def test_a_transparent_palette_becomes_transparency() -> None:
    image, _ = decoded(
        encoded(in_mode(scene(), "P"), PictureFormat.GIF, transparency=in_mode(scene(), "P").getpixel((0, 0)))
    )
    assert image.getpixel((5, 5))[3] == 0


def test_transparency_that_is_opaque_throughout_goes() -> None:
    image, changes = decoded(encoded(scene().convert("RGBA"), PictureFormat.PNG))
    assert (image.mode, changes) == ("RGB", ())


def test_deep_colour_png_says_that_it_lost_bits() -> None:
    row = b"\0" + b"\xff\x80\x00\x00\x00\x00" * 4
    _, changes = decoded(png(4, 2, depth=16, pixels=row * 2))
    assert changes == ("reduced to 8 bits per channel",)


@pytest.mark.parametrize(("factor", "middle"), [(1 / 255, 128), (1.0, 128), (257.0, 128), (1e6, 255)])
def test_numbers_are_scaled_to_bytes(factor: float, middle: int) -> None:
    image = Image.new("F", (4, 4), 128 * factor)
    assert abs(decoded(encoded(image, PictureFormat.TIFF))[0].getpixel((1, 1))[0] - middle) <= 1


@pytest.mark.parametrize(
    "format_", [PictureFormat.JPEG, PictureFormat.PNG, PictureFormat.WEBP, PictureFormat.TIFF, PictureFormat.AVIF]
)
@pytest.mark.parametrize("orientation", range(2, 9))
def test_turned_upright(format_: PictureFormat, orientation: int) -> None:
    undone = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    image, changes = decoded(encoded(scene().transpose(undone[orientation]), format_, exif=exif))
    assert difference(image, scene()) < 6
    said = "turned upright as its orientation tag says"
    assert changes == (() if format_ is PictureFormat.TIFF else (said,))  # readers of TIFF turn it as they read


def test_upright_pictures_stay() -> None:
    image, changes = decoded(with_metadata(PictureFormat.JPEG, orientation=1))
    assert difference(image, scene()) < 6
    assert changes == ()


def swapped_profile() -> bytes:
    """A profile whose red is sRGB's green: made from sRGB's own by swapping two of its tags."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    at = profile.find("sRGB".encode("utf-16-be"))
    while at >= 0:
        profile[at : at + 8] = "Odd\x07".encode("utf-16-be")
        at = profile.find("sRGB".encode("utf-16-be"))
    return bytes(profile)


@pytest.mark.parametrize("format_", [PictureFormat.JPEG, PictureFormat.PNG, PictureFormat.WEBP, PictureFormat.TIFF])
def test_colours_are_brought_to_srgb(format_: PictureFormat) -> None:
    image, changes = decoded(encoded(scene(), format_, icc_profile=swapped_profile()))
    red, green, _ = image.getpixel((5, 5))
    assert green > red
    assert len(changes) == 1
    assert changes[0].startswith("colours converted from the profile “Odd")
    assert changes[0].isprintable()


def test_transparency_survives_a_profile() -> None:
    image, _ = decoded(encoded(in_mode(scene(), "RGBA"), PictureFormat.PNG, icc_profile=swapped_profile()))
    assert image.getpixel((5, 5))[3] == 0


@pytest.mark.parametrize(
    "profile",
    [
        b"rubbish",
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
    ],
)
def test_profiles_that_change_nothing_or_make_no_sense_are_passed_over(profile: bytes) -> None:
    image, changes = decoded(encoded(scene(), PictureFormat.PNG, icc_profile=profile))
    assert difference(image, scene()) == 0
    assert changes == ()


@pytest.mark.parametrize(
    "format_", [PictureFormat.GIF, PictureFormat.PNG, PictureFormat.WEBP, PictureFormat.TIFF, PictureFormat.AVIF]
)
def test_of_several_frames_the_first_is_used(format_: PictureFormat) -> None:
    image, changes = decoded(animated(format_))
    assert difference(image, scene()) < 6
    assert changes[0] == "only the first frame is used, the picture has more"


@pytest.mark.parametrize("name", BY_PIXELS)
def test_refuses_what_does_not_decode(name: str) -> None:
    with pytest.raises(PictureRefusedError) as refusal:
        decoded(BY_PIXELS[name]())
    assert refusal.value.fault is PictureFault.DAMAGED
    assert "0x" not in refusal.value.message


@pytest.mark.parametrize("name", ODD_BUT_GOOD)
def test_reads_what_is_merely_odd(name: str) -> None:
    assert decoded(ODD_BUT_GOOD[name]())[0].width == 60


def test_refuses_more_pixels_than_the_header_said() -> None:
    data = picture(PictureFormat.PNG)
    with pytest.raises(PictureRefusedError) as refusal:
        decode(data, PictureInfo(format=PictureFormat.PNG, width=1, height=1), max_pixels=100)
    assert refusal.value.fault is PictureFault.TOO_MANY_PIXELS


def test_refuses_what_is_of_another_format_than_was_said() -> None:
    data = picture(PictureFormat.BMP)
    with pytest.raises(PictureRefusedError):
        decode(data, PictureInfo(format=PictureFormat.TIFF, width=60, height=40), max_pixels=10**6)


def test_refuses_a_broken_structure() -> None:
    whole = picture(PictureFormat.JPEG)
    scan = whole.index(b"\xff\xda")
    data = whole[:scan] + b"\xff\xe5\xff\xff" + whole[scan:]
    with pytest.raises(PictureRefusedError) as refusal:
        decode(data, PictureInfo(format=PictureFormat.JPEG, width=60, height=40), max_pixels=10**6)
    assert "segments" in refusal.value.message


def test_bare_bytes_are_the_same_picture() -> None:
    data = with_metadata(PictureFormat.PNG)
    result = decode(data, inspect(data, LIMITS), 10**6)
    assert result.bare is not None
    assert opened(result.bare).tobytes() == scene().tobytes()
