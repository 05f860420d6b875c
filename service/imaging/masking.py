"""Masks as the OpenAI Images API wants them: PNG of the source's size, transparent where to edit."""

from __future__ import annotations

from PIL import Image, ImageOps

from service.domain.pictures import PictureFault, PictureFormat, PictureRefusedError
from service.imaging.decoding import decode
from service.imaging.encoding import encode
from service.imaging.requests import PrepareMask
from service.ports.imaging import Encoding, Picture

_HALF = 128
_PNG = Encoding(format=PictureFormat.PNG)


def prepare_mask(request: PrepareMask) -> Picture:
    """See `service.ports.imaging.Imaging.prepare_mask`.

    An alpha channel that is opaque throughout says nothing, so such a mask too is read as white means edit.
    """
    image = decode(request.data, request.info, request.max_pixels).image
    keep = image.getchannel("A") if image.mode == "RGBA" else ImageOps.invert(image.convert("L"))
    # Neighbours are not mixed: half-transparent borders would be neither edited nor kept.
    keep = keep.resize((request.width, request.height), Image.Resampling.NEAREST)
    mask = _mask(keep)
    if len(mask.data) > request.max_bytes:
        mask = _mask(keep.point(lambda value: 255 if value >= _HALF else 0))
    if len(mask.data) > request.max_bytes:
        raise PictureRefusedError(
            PictureFault.TOO_MANY_BYTES, f"The mask cannot be brought below {request.max_bytes:,} bytes."
        )
    return mask


def _mask(keep: Image.Image) -> Picture:
    mask = Image.new("RGBA", keep.size)  # black, for colours mean nothing here and cost nothing then
    mask.putalpha(keep)
    return encode(mask, _PNG)
