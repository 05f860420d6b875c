"""Checking what a provider made, by decoding it, and writing it anew only in another format or size."""

from __future__ import annotations

from service.imaging.decoding import decode
from service.imaging.encoding import MAX_SIDE, encode
from service.imaging.requests import Finish
from service.imaging.resizing import brought_to
from service.imaging.scaling import fit_within
from service.ports.imaging import Picture


def finish(request: Finish) -> Picture:
    """See `service.ports.imaging.Imaging.finish`."""
    info, encoding = request.info, request.encoding
    decoded = decode(request.data, info, request.max_pixels)
    if encoding is None:
        return Picture(data=request.data, format=info.format, width=info.width, height=info.height)
    image = decoded.image if encoding.resize is None else brought_to(decoded.image, encoding.resize)
    if image is decoded.image and encoding.format is info.format:
        return Picture(data=request.data, format=info.format, width=info.width, height=info.height)
    side = MAX_SIDE.get(encoding.format, max(image.size))
    return encode(fit_within(image, (side, side)), encoding)
