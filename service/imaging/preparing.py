"""Making a source ready for a provider: kept as it came where that will do, else converted, with every change told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from service.domain.pictures import PictureFault, PictureFormat, PictureInfo, PictureRefusedError
from service.imaging.decoding import Decoded, decode, intact_jpeg
from service.imaging.encoding import MAX_SIDE, encode
from service.imaging.formats.webp import is_lossless
from service.imaging.requests import Prepare
from service.imaging.scaling import fit_within
from service.ports.imaging import Encoding, Picture, Prepared, SourceLimits

_FOR_PHOTOGRAPHS = (PictureFormat.JPEG, PictureFormat.WEBP, PictureFormat.AVIF, PictureFormat.PNG)
_WITHOUT_LOSS = (PictureFormat.PNG, PictureFormat.WEBP, PictureFormat.AVIF, PictureFormat.JPEG)
_QUALITY = 95  # of a copy that a model looks at; at this one nobody sees the second compression
_REDUCED_QUALITY = 85
_SMALLER_PER_STEP = 0.8
_SMALLEST_SIDE = 64
_NAMES = {PictureFormat.WEBP: "WebP"}


@dataclass(frozen=True, slots=True)
class _Try:
    encoding: Encoding
    scale: float = 1.0


def prepare(request: Prepare) -> Prepared | None:
    """See `service.ports.imaging.Imaging.prepare`; None when the picture is fine as it came."""
    limits = request.limits
    intact = intact_jpeg(request.data, request.info, request.max_pixels)
    if intact is not None and _acceptable(intact, request.info, limits):
        return _without_metadata(intact, request)
    decoded = decode(request.data, request.info, request.max_pixels)
    if decoded.bare is not None and not decoded.changes and _acceptable(decoded.bare, request.info, limits):
        return _without_metadata(decoded.bare, request)
    picture = _encoded(decoded.image, _tries(decoded.image, request), limits)
    return Prepared(picture=picture, changes=(*decoded.changes, *_changes(decoded, picture, request.info)))


def _without_metadata(data: bytes, request: Prepare) -> Prepared | None:
    if data == request.data:
        return None
    info = request.info
    return Prepared(picture=Picture(data=data, format=info.format, width=info.width, height=info.height))


def _acceptable(data: bytes, info: PictureInfo, limits: SourceLimits) -> bool:
    return (
        info.format in limits.formats
        and len(data) <= limits.max_bytes
        and max(info.width, info.height) <= limits.max_side
    )


def _encoded(image: Image.Image, tries: Iterable[_Try], limits: SourceLimits) -> Picture:
    """The first way to write the picture that is small enough."""
    for attempt in tries:
        longest = min(limits.max_side, MAX_SIDE.get(attempt.encoding.format, limits.max_side))
        side = min(longest, round(max(image.size) * attempt.scale))
        picture = encode(fit_within(image, (side, side)), attempt.encoding)
        if len(picture.data) <= limits.max_bytes:
            return picture
    raise PictureRefusedError(
        PictureFault.TOO_MANY_BYTES, f"The picture cannot be brought below {limits.max_bytes:,} bytes."
    )


def _tries(image: Image.Image, request: Prepare) -> Iterable[_Try]:
    """Ways to write a picture, each giving fewer bytes: best first, then with more loss, then ever smaller."""
    preferred = _preferred(image, request)
    yield _Try(Encoding(format=preferred, quality=_QUALITY))
    lossy = preferred
    if PictureFormat.PNG is preferred:
        takes = [
            format_
            for format_ in _FOR_PHOTOGRAPHS
            if format_ in request.limits.formats and (image.mode == "RGB" or format_ is not PictureFormat.JPEG)
        ]
        lossy = takes[0] if takes else preferred
    scale = 1.0
    while max(image.size) * scale >= _SMALLEST_SIDE:
        yield _Try(Encoding(format=lossy, quality=_REDUCED_QUALITY), scale)
        scale *= _SMALLER_PER_STEP


def _preferred(image: Image.Image, request: Prepare) -> PictureFormat:
    """The format to write: what was coded with loss is a photograph, unless something shines through."""
    data, info = request.data, request.info
    photograph = info.format is PictureFormat.JPEG or (info.format is PictureFormat.WEBP and not is_lossless(data))
    order = _FOR_PHOTOGRAPHS if photograph and image.mode == "RGB" else _WITHOUT_LOSS
    return next((format_ for format_ in order if format_ in request.limits.formats), PictureFormat.PNG)


def _changes(decoded: Decoded, picture: Picture, info: PictureInfo) -> Iterable[str]:
    if picture.format is not info.format:
        yield f"converted from {_name(info.format)} to {_name(picture.format)}"
    if decoded.image.mode == "RGBA" and picture.format is PictureFormat.JPEG:
        yield "put on white, for the format holds no transparency"
    width, height = decoded.image.size
    if (picture.width, picture.height) != (width, height):
        yield f"scaled from {width} x {height} to {picture.width} x {picture.height} pixels"
    elif picture.format is info.format and not decoded.changes:
        yield "compressed anew to have fewer bytes"


def _name(format_: PictureFormat) -> str:
    return _NAMES.get(format_, format_.name)
