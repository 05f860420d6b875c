"""Checking what a provider made, by decoding it, and writing it anew only in another format."""

from __future__ import annotations

from service.imaging.decoding import decode
from service.imaging.encoding import MAX_SIDE, encode
from service.imaging.requests import Finish
from service.imaging.scaling import fit_within
from service.ports.imaging import Picture


def finish(request: Finish) -> Picture:
    """See `service.ports.imaging.Imaging.finish`."""
    info, encoding = request.info, request.encoding
    decoded = decode(request.data, info, request.max_pixels)
    if encoding is None or encoding.format is info.format:
        return Picture(data=request.data, format=info.format, width=info.width, height=info.height)
    side = MAX_SIDE.get(encoding.format, max(decoded.image.size))
    return encode(fit_within(decoded.image, (side, side)), encoding)
