"""From a file to pixels: decoded in full, upright, in sRGB, as RGB or RGBA with eight bits; what changed is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from PIL import ExifTags, Image, UnidentifiedImageError

from service.domain.pictures import PictureFormat, PictureInfo, PictureRefusedError
from service.imaging.colour import to_eight_bits, to_srgb, to_true_colour
from service.imaging.formats import jpeg
from service.imaging.formats.cut import Cut
from service.imaging.formats.header import HeaderError
from service.imaging.formats.png import bits_per_channel
from service.imaging.inspection import check_pixels, damaged
from service.imaging.metadata import without_metadata

Image.MAX_IMAGE_PIXELS = None  # the service's own limit is checked, before and after opening

_DEEP_BITS = 16
_LONGEST_REASON = 120
_UPRIGHT: Mapping[int, Image.Transpose] = {  # EXIF 2.32, tag 274
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as pixels.

    Attributes:
        image: RGB, or RGBA where something is transparent; without any metadata.
        changes: What is different from the file, in plain words; empty when its compressed pixels say the same.
        bare: The file without metadata, its compressed pixels untouched; None where the format does not allow that.
    """

    image: Image.Image
    changes: tuple[str, ...]
    bare: bytes | None


def decode(data: bytes, info: PictureInfo, max_pixels: int) -> Decoded:
    """Decode a picture in full.

    Raises:
        PictureRefusedError: it cannot be decoded, or has more pixels than its header says and than are allowed.
        MemoryError: there is not enough of it.
    """
    with _damage_told():
        cut = without_metadata(data, info)
        # Cut first: what is no longer there can neither slow a decoder down nor mislead it.
        image = _opened(cut.data if cut else data, info, max_pixels)
        image.load()
    deep = info.format is PictureFormat.PNG and bits_per_channel(data) == _DEEP_BITS
    return _normalised(image, info, cut, deep=deep)


def intact_jpeg(data: bytes, info: PictureInfo, max_pixels: int) -> bytes | None:
    """An upright JPEG in plain true colour, without its metadata; None when there is more to do to a picture.

    No more of it is decoded than it takes to find damage: of one scan the first rows, of several all, to an eighth of
    the size and in grey, which reads the compressed data and spares most of the arithmetic.

    Raises:
        PictureRefusedError: it cannot be decoded, or has more pixels than its header says and than are allowed.
    """
    if info.format is not PictureFormat.JPEG:
        return None
    with _damage_told():
        cut = without_metadata(data, info)
        if cut is None or cut.icc is not None:
            return None
        image = _opened(jpeg.beginning(cut.data) or cut.data, info, max_pixels)
        exif = cut.exif
        if image.mode != "RGB" or _quietly(lambda: _orientation(image, exif)) in _UPRIGHT:
            return None
        image.draft("L", (-(-image.width // 8), -(-image.height // 8)))
        image.load()
    return cut.data


def _opened(data: bytes, info: PictureInfo, max_pixels: int) -> Image.Image:
    image = Image.open(BytesIO(data), formats=[info.format.name])
    check_pixels(image.width, image.height, max_pixels)
    return image


@contextmanager
def _damage_told() -> Iterator[None]:
    """Say in our words what the decoders stumble over."""
    try:
        yield
    except (PictureRefusedError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise damaged("it is not what its first bytes say") from None
    except HeaderError as error:
        raise damaged(str(error)) from None
    except Exception as error:  # noqa: BLE001 - they raise whatever they like
        reason = str(error)[:_LONGEST_REASON] or type(error).__name__
        raise damaged(f"it cannot be decoded ({reason})") from None


def _normalised(image: Image.Image, info: PictureInfo, cut: Cut | None, *, deep: bool) -> Decoded:
    changes: list[str] = []
    if info.frames > 1:
        changes.append("only the first frame is used, the picture has more")
    exif = cut.exif if cut else None
    orientation = _quietly(lambda: _orientation(image, exif))
    icc = cut.icc if cut else image.info.get("icc_profile")

    eight_bits = to_eight_bits(image)
    if deep or eight_bits is not image:
        changes.append("reduced to 8 bits per channel")
    image, profile = to_srgb(eight_bits, icc)
    if profile is not None:
        changes.append(f"colours converted from the profile “{profile}” to sRGB")
    image, former = to_true_colour(image)
    if former is not None:
        changes.append(f"converted from {former} to {image.mode}")
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
        changes.append("turned upright as its orientation tag says")
    return Decoded(image, tuple(changes), cut.data if cut else None)


def _orientation(image: Image.Image, exif: bytes | None) -> int:
    tags = image.getexif()
    if exif is not None:
        tags = Image.Exif()
        tags.load(exif)
    return int(tags.get(ExifTags.Base.Orientation, 1))


def _quietly(read: Callable[[], int]) -> int:
    """The orientation, or upright when the tags are rubbish: that is no reason to refuse a picture."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - parsers of tags raise whatever they stumble over
        return 1
