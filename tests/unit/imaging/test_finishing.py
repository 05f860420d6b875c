from __future__ import annotations

import pytest
from PIL import Image

from service.domain.pictures import PictureFault, PictureFormat, PictureRefusedError
from service.domain.resizing import Resize
from service.imaging.finishing import finish
from service.imaging.inspection import PictureLimits, inspect
from service.imaging.requests import Finish
from service.ports.imaging import Encoding, Picture
from tests.pictures.hostile import truncated
from tests.pictures.samples import encoded, opened, picture, with_metadata

LIMITS = PictureLimits(max_bytes=10**8, max_pixels=10**8, max_frames=100)


def finished(data: bytes, encoding: Encoding | None) -> Picture:
    return finish(Finish(data=data, info=inspect(data, LIMITS), max_pixels=10**8, encoding=encoding))


@pytest.mark.parametrize("encoding", [None, Encoding(format=PictureFormat.PNG, quality=3)])
def test_the_wanted_format_keeps_its_bytes(encoding: Encoding | None) -> None:
    data = with_metadata(PictureFormat.PNG)
    assert finished(data, encoding) == Picture(data=data, format=PictureFormat.PNG, width=60, height=40)


@pytest.mark.parametrize("wanted", [PictureFormat.JPEG, PictureFormat.WEBP, PictureFormat.AVIF])
def test_another_format_is_encoded(wanted: PictureFormat) -> None:
    result = finished(picture(PictureFormat.PNG), Encoding(format=wanted))
    assert opened(result.data).format == wanted.name


@pytest.mark.parametrize("encoding", [None, Encoding(format=PictureFormat.PNG), Encoding(format=PictureFormat.JPEG)])
def test_what_does_not_decode_is_refused(encoding: Encoding | None) -> None:
    with pytest.raises(PictureRefusedError) as refusal:
        finished(truncated(PictureFormat.PNG), encoding)
    assert refusal.value.fault is PictureFault.DAMAGED


def test_scaled_down_to_what_the_format_holds() -> None:
    data = encoded(Image.new("RGB", (20_000, 4)), PictureFormat.PNG)
    assert finished(data, Encoding(format=PictureFormat.WEBP)).width == 16_383


def test_another_size_is_written_in_the_same_format() -> None:
    data = picture(PictureFormat.PNG)
    result = finished(data, Encoding(format=PictureFormat.PNG, resize=Resize(width=30)))
    assert opened(result.data).size == (30, 20) == (result.width, result.height)
    assert finished(data, Encoding(format=PictureFormat.PNG, resize=Resize(width=60))).data == data
