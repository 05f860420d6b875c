from __future__ import annotations

import pytest
from PIL import Image

from service.domain.pictures import PictureFormat
from service.imaging.encoding import encode, loses_alpha, on_white
from service.ports.imaging import Encoding
from tests.pictures.samples import in_mode, opened, scene

WRITTEN = [PictureFormat.PNG, PictureFormat.JPEG, PictureFormat.WEBP, PictureFormat.AVIF]


@pytest.mark.parametrize("format_", WRITTEN)
def test_writes_every_format(format_: PictureFormat) -> None:
    written = encode(scene(), Encoding(format=format_))
    assert (written.format, written.width, written.height) == (format_, 60, 40)
    image = opened(written.data)
    assert image.format == format_.name
    assert image.size == (60, 40)
    assert not image.getexif()


@pytest.mark.parametrize("format_", WRITTEN[1:])
def test_quality_counts(format_: PictureFormat) -> None:
    photograph = scene(300, 200).rotate(30, Image.Resampling.BICUBIC)
    sizes = [len(encode(photograph, Encoding(format=format_, quality=quality)).data) for quality in (0, 50, 100)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2]


@pytest.mark.parametrize("format_", [PictureFormat.PNG, PictureFormat.WEBP, PictureFormat.AVIF])
def test_transparency_is_written(format_: PictureFormat) -> None:
    image = in_mode(scene(), "RGBA")
    assert not loses_alpha(image, format_)
    written = opened(encode(image, Encoding(format=format_)).data)
    assert written.getpixel((5, 5))[3] < 10
    assert written.getpixel((50, 30))[3] > 245


def test_jpeg_is_put_on_white() -> None:
    image = in_mode(scene(), "RGBA")
    assert loses_alpha(image, PictureFormat.JPEG)
    assert not loses_alpha(scene(), PictureFormat.JPEG)
    assert min(opened(encode(image, Encoding(format=PictureFormat.JPEG)).data).getpixel((5, 5))) > 240
    assert on_white(image).getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("format_", WRITTEN)
def test_the_mark_can_be_read_back(format_: PictureFormat) -> None:
    mark = "AI edit unavailable: café, billing exhausted"
    image = opened(encode(scene(), Encoding(format=format_), mark=mark).data)
    assert image.getexif()[0x010E].encode("latin-1").decode() == mark
    assert image.getexif()[0x0131] == "Afterimage"
    if format_ is PictureFormat.PNG:
        assert image.info["Description"] == mark
