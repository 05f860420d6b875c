from __future__ import annotations

import pytest
from PIL import Image, ImageDraw

from service.domain.pictures import PictureFault, PictureFormat, PictureRefusedError
from service.imaging.inspection import PictureLimits, inspect
from service.imaging.masking import prepare_mask
from service.imaging.requests import PrepareMask
from tests.pictures.samples import encoded, opened

LIMITS = PictureLimits(max_bytes=10**8, max_pixels=10**7, max_frames=100)
EDIT, KEEP = (30, 20), (5, 5)


def drawn(mode: str, edit: object, keep: object) -> bytes:
    """A mask with a rectangle to edit in its middle."""
    image = Image.new(mode, (60, 40), keep)
    ImageDraw.Draw(image).rectangle((20, 10, 40, 30), fill=edit)
    return encoded(image, PictureFormat.PNG)


def mask_of(data: bytes, width: int = 60, height: int = 40, max_bytes: int = 4_000_000) -> Image.Image:
    request = PrepareMask(
        data=data, info=inspect(data, LIMITS), max_pixels=10**7, width=width, height=height, max_bytes=max_bytes
    )
    result = prepare_mask(request)
    image = opened(result.data)
    assert result.format is PictureFormat.PNG
    assert (image.format, image.mode, image.size) == ("PNG", "RGBA", (width, height))
    assert (result.width, result.height) == (width, height)
    assert len(result.data) <= max_bytes
    return image.getchannel("A")


@pytest.mark.parametrize(
    "data",
    [
        drawn("RGBA", (0, 0, 0, 0), (0, 0, 0, 255)),
        drawn("LA", (255, 0), (255, 255)),
        drawn("L", 255, 0),
        drawn("1", 1, 0),
        drawn("RGB", (255, 255, 255), (0, 0, 0)),
        drawn("RGBA", (255, 255, 255, 255), (0, 0, 0, 255)),  # opaque throughout: alpha says nothing
    ],
    ids=["alpha", "grey alpha", "white on black", "bits", "rgb", "opaque alpha"],
)
def test_transparent_where_to_edit(data: bytes) -> None:
    alpha = mask_of(data)
    assert alpha.getpixel(EDIT) == 0
    assert alpha.getpixel(KEEP) == 255


def test_brought_to_the_size_of_the_source_without_half_tones() -> None:
    alpha = mask_of(drawn("L", 255, 0), 301, 203)
    assert alpha.getpixel((150, 100)) == 0
    assert alpha.getpixel((20, 20)) == 255
    assert {value for value, count in enumerate(alpha.histogram()) if count} == {0, 255}


def test_half_tones_are_given_up_for_bytes() -> None:
    data = encoded(Image.effect_noise((400, 400), 90), PictureFormat.PNG)
    full = mask_of(data, 400, 400)
    assert len(full.getcolors()) > 100
    hard = mask_of(data, 400, 400, max_bytes=100_000)
    assert {value for _, value in hard.getcolors()} == {0, 255}


def test_what_cannot_be_made_small_enough_is_refused() -> None:
    with pytest.raises(PictureRefusedError) as refusal:
        mask_of(encoded(Image.effect_noise((400, 400), 90), PictureFormat.PNG), 400, 400, max_bytes=1_000)
    assert refusal.value.fault is PictureFault.TOO_MANY_BYTES
