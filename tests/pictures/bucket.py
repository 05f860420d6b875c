"""A bucket as people have them: photographs and drawings in every format, among them what is broken or no picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from io import BytesIO
from itertools import islice

from PIL import Image, ImageDraw

from service.domain.pictures import PictureFormat
from tests.pictures.hostile import BY_PIXELS
from tests.pictures.samples import FORMATS_AND_MODES, encoded, in_mode, opened, photograph

_FOLDERS = (
    "",
    "2024/Sommer Ferien/",
    "2024/Sommer Ferien/Straße/",
    "2024/Sommer Ferien/Straße/100% scharf/",
    "Kunden/Müller & Söhne (neu)/",
    "写真/桜 + 🌸/",
    "a//b/'quoted' \"twice\"/",
)
_ENDINGS = {
    PictureFormat.PNG: "png",
    PictureFormat.JPEG: "JPG",
    PictureFormat.WEBP: "webp",
    PictureFormat.AVIF: "avif",
    PictureFormat.GIF: "gif",
    PictureFormat.BMP: "bmp",
    PictureFormat.TIFF: "tif",
}
_DAMAGED = 10
_ONE_IN_SO_MANY_IS_NO_PICTURE = 25
_HUGE = (7303, 5477)  # just below 40 megapixels
_ON_ITS_SIDE = 6  # the orientation in EXIF that a camera held upright writes
_ORIENTATION = 0x0112


class Kind(Enum):
    """What an object turns out to be."""

    PICTURE = auto()
    DAMAGED = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Entry:
    """One object.

    Attributes:
        size: Of a picture as it is shown, in pixels, and no other picture's; None where it is made smaller on the way.
    """

    key: str
    data: bytes
    kind: Kind
    size: tuple[int, int] | None = None


def bucket(count: int) -> Iterator[Entry]:
    """So many objects, the same every time; at least 30.

    Four pictures at a time have one stem, one of them with the ending of another within its name: what they are edited
    to must not collide.
    """
    others = max(4, count // _ONE_IN_SO_MANY_IS_NO_PICTURE)
    yield from islice(_no_pictures(), others)
    yield from _damaged()
    yield Entry("2024/panorama.jpg", _huge(), Kind.PICTURE)
    yield from map(_picture, range(count - others - _DAMAGED - 1))


def _no_pictures() -> Iterator[Entry]:
    yield Entry("2024/", b"", Kind.OTHER)  # what consoles store for an empty folder
    yield Entry("2024/page.jpg", b"<!doctype html><title>Not found</title>", Kind.OTHER)
    number = 0
    while True:
        yield Entry(f"{_FOLDERS[number % len(_FOLDERS)]}notes {number}.txt", b"Remember the milk.", Kind.OTHER)
        number += 1


def _damaged() -> Iterator[Entry]:
    yield Entry("2024/empty.png", b"", Kind.DAMAGED)
    for number, (name, make) in enumerate(islice(BY_PIXELS.items(), _DAMAGED - 1)):
        yield Entry(f"{_FOLDERS[number % len(_FOLDERS)]}broken/{name}.{name.split()[0]}", make(), Kind.DAMAGED)


def _huge() -> bytes:
    file = BytesIO()
    Image.linear_gradient("L").resize(_HUGE).save(file, "JPEG", quality=60)
    return file.getvalue()


def _picture(number: int) -> Entry:
    modes = _modes()
    formats = list(modes)
    format_ = formats[number % len(formats)]
    mode = modes[format_][number // len(formats) % len(modes[format_])]
    group, place = divmod(number, 4)
    inner = f".{_ENDINGS[formats[group * 4 % len(formats)]]}" if place == 3 else ""
    key = f"{_FOLDERS[group % len(_FOLDERS)]}IMG {group:04d}{inner}.{_ENDINGS[format_]}"
    size = (160 + number % 64, 120 + number // 64)
    image = in_mode(_photograph(number, size) if number % 2 else _drawing(number, size), mode)
    if format_ is PictureFormat.JPEG and number % 3 == 0:
        exif = Image.Exif()
        exif[_ORIENTATION] = _ON_ITS_SIDE
        return Entry(key, encoded(image, format_, exif=exif), Kind.PICTURE, size[::-1])
    return Entry(key, encoded(image, format_), Kind.PICTURE, size)


def _modes() -> dict[PictureFormat, list[str]]:
    modes: dict[PictureFormat, list[str]] = defaultdict(list)
    for format_, mode in FORMATS_AND_MODES:
        modes[format_].append(mode)
    return modes


def _photograph(number: int, size: tuple[int, int]) -> Image.Image:
    """A part of the sample."""
    sample = opened(photograph())
    left, top = number * 37 % (sample.width - size[0]), number * 11 % (sample.height - size[1])
    return sample.crop((left, top, left + size[0], top + size[1])).convert("RGB")


def _drawing(number: int, size: tuple[int, int]) -> Image.Image:
    """Flat colours and sharp edges."""
    image = Image.new("RGB", size, (250, 250, 240))
    draw = ImageDraw.Draw(image)
    for step in range(5):
        hue = (number * 31 + step * 67) % 256
        corner = (hue % (size[0] - 40), (hue * 7) % (size[1] - 40))
        draw.ellipse((*corner, corner[0] + 40, corner[1] + 40), fill=(hue, 255 - hue, step * 50), outline="black")
    draw.text((8, 8), f"{number}", fill="navy")
    return image
