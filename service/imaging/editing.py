"""The local provider's edit: what the prompt asks for where it is understood, else a visible transformation."""

from __future__ import annotations

from PIL import Image

from service.imaging.decoding import decode
from service.imaging.encoding import MAX_SIDE, encode, loses_alpha
from service.imaging.instructions.reading import Instructions, read
from service.imaging.label import labelled
from service.imaging.requests import Edit
from service.imaging.resizing import brought_to
from service.imaging.scaling import fit_within, resized, size_within
from service.imaging.steps.step import Step
from service.imaging.steps.tones import Invert
from service.ports.imaging import LocalEdit

_NOTHING_UNDERSTOOD = "no instruction in the prompt could be carried out locally, so the colours were inverted"


def edit(request: Edit) -> LocalEdit:
    """See `service.ports.imaging.Imaging.edit`."""
    instructions = read(request.prompt)
    decoded = decode(request.data, request.info, request.max_pixels)
    warnings = list(_complaints(instructions))
    image, applied = _carried_out(decoded.image, instructions.steps, request.max_pixels, warnings)
    understood = bool(applied)
    if not understood:
        image, applied = Invert().apply(image), [Invert().said]
        warnings.insert(0, _NOTHING_UNDERSTOOD)
    fitted = _fitted(image, request)
    if request.size is None and fitted.size != image.size:
        warnings.append(f"scaled down to {fitted.width} x {fitted.height}, the most that the format can hold")
    image = fitted if request.encoding.resize is None else brought_to(fitted, request.encoding.resize)
    if request.label is not None:
        image = labelled(image, request.label)
    if loses_alpha(image, request.encoding.format):
        warnings.append(f"put on white, for {request.encoding.format.name} holds no transparency")
    picture = encode(image, request.encoding, mark=request.label)
    return LocalEdit(picture=picture, understood=understood, applied=tuple(applied), warnings=tuple(warnings))


def _carried_out(
    image: Image.Image, steps: tuple[Step, ...], max_pixels: int, warnings: list[str]
) -> tuple[Image.Image, list[str]]:
    applied: list[str] = []
    for step in steps:
        width, height = step.size_after(image.size)
        if width * height > max_pixels:
            warnings.append(f"left out, for the picture would become too large ({width} x {height}): {step.said}")
            continue
        image = step.apply(image)
        applied.append(step.said)
    return image, applied


def _fitted(image: Image.Image, request: Edit) -> Image.Image:
    """The picture as large as fits the size that was asked for, and never larger than its format can hold."""
    if request.size is not None:
        width, height = size_within(image.size, request.size)
        if width * height <= request.max_pixels:
            image = resized(image, (width, height))
    side = MAX_SIDE.get(request.encoding.format, max(image.size))
    return fit_within(image, (side, side))


def _complaints(instructions: Instructions) -> list[str]:
    complaints: list[str] = []
    if instructions.not_understood:
        complaints.append(f"not understood by the local editor: {'; '.join(instructions.not_understood)}")
    if instructions.not_possible:
        said = "; ".join(f"“{clause}”" for clause in instructions.not_possible)
        complaints.append(f"not carried out, for the local editor cannot pick out parts of a picture: {said}")
    return complaints
