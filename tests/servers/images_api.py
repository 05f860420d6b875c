"""What the Images API makes of one request: the checks of its fields, and a picture that is visibly another."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, ImageOps

MODELS = (
    "gpt-image-1-mini",
    "gpt-image-1.5",
    "gpt-image-2",
    "gpt-image-2.5-flare",
    "gpt-image-2.5-sunburst",
)
_FIXED_SIZES = {"auto", "1024x1024", "1536x1024", "1024x1536"}
_MIME_TYPES = {"image/png", "image/jpeg", "image/webp"}
_MODES = {"RGB", "RGBA", "L"}
_MEBIBYTE = 1 << 20
_TEXT_FIELDS = {
    "prompt": None,
    "model": None,
    "n": {str(number) for number in range(1, 11)},
    "size": None,
    "quality": {"auto", "low", "medium", "high", "xhigh", "max"},
    "background": {"auto", "transparent", "opaque"},
    "output_format": {"png", "jpeg", "webp"},
    "output_compression": {str(number) for number in range(101)},
    "input_fidelity": {"low", "high"},
    "user": None,
}
_FRAME_PIXELS = 8
_TINT = (230, 120, 20)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a form; `filename` and `mime_type` are None where they were not sent."""

    filename: str | None
    mime_type: str | None
    data: bytes


@dataclass(eq=False)
class RefusedFormError(Exception):
    """The API's own error for a form; the fields are those of its error object."""

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    type: str = "invalid_request_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class EditForm:
    """A form that passed the checks."""

    model: str
    image: Image.Image
    fields: Mapping[str, str]
    parts: Mapping[str, Part] = field(repr=False)

    @property
    def output_format(self) -> str:
        """The format that the answer is in."""
        return self.fields.get("output_format", "png")


def parse_form(content_type: str, body: bytes) -> dict[str, Part]:
    """The parts of a multipart form (RFC 7578) by name.

    Raises:
        RefusedFormError: it is none.
    """
    boundary = re.search(r'boundary="?([^";]+)', content_type)
    if boundary is None:
        raise RefusedFormError(400, "Content-Type must be multipart/form-data", "unsupported_content_type")
    parts = {}
    for piece in body.split(b"--" + boundary[1].encode())[1:-1]:
        head, _, data = piece.partition(b"\r\n\r\n")
        text = head.decode()
        name = re.search(r'[ ;]name="([^"]*)"', text)
        filename = re.search(r'filename="([^"]*)"', text)
        mime_type = re.search(r"content-type: *(\S+)", text, re.IGNORECASE)
        if name is not None:
            parts[name[1]] = Part(filename and filename[1], mime_type and mime_type[1], data.removesuffix(b"\r\n"))
    return parts


def check_form(parts: Mapping[str, Part]) -> EditForm:
    """Refuse what the API refuses.

    Raises:
        RefusedFormError: as the API words it.
    """
    fields = {name: part.data.decode() for name, part in parts.items() if name not in {"image", "mask"}}
    _check_fields(fields)
    model = fields.get("model", "gpt-image-2.5-sunburst")
    if model not in MODELS:
        message = f"The model '{model}' does not exist or you do not have access to it."
        raise RefusedFormError(404, message, "model_not_found", "model")
    _check_size(model, fields.get("size", "auto"))
    _check_combinations(model, fields)
    image = _opened("image", parts.get("image"), max_bytes=50 * _MEBIBYTE, mime_types=_MIME_TYPES)
    if "mask" in parts:
        mask = _opened("mask", parts["mask"], max_bytes=4 * _MEBIBYTE, mime_types={"image/png"})
        if mask.size != image.size or "A" not in mask.getbands():
            raise RefusedFormError(400, "Invalid mask image: size or alpha channel", "invalid_image_file", "mask")
    return EditForm(model=model, image=image, fields=fields, parts=parts)


def edited(form: EditForm) -> bytes:
    """The picture of a form in the format asked for: tinted and framed, the same for the same form."""
    size = form.fields.get("size", "auto")
    picture = ImageOps.grayscale(form.image)
    if size != "auto":
        width, height = map(int, size.split("x"))
        picture = picture.resize((width, height))
    picture = ImageOps.colorize(picture, black="black", white=_TINT)
    inner = picture.resize((max(1, picture.width - 2 * _FRAME_PIXELS), max(1, picture.height - 2 * _FRAME_PIXELS)))
    framed = Image.new("RGB", picture.size, "white")
    framed.paste(inner, (_FRAME_PIXELS, _FRAME_PIXELS))
    file = io.BytesIO()
    quality = {"quality": int(form.fields["output_compression"])} if "output_compression" in form.fields else {}
    framed.save(file, form.output_format, **quality)
    return file.getvalue()


def usage_of(form: EditForm) -> dict[str, Any]:
    """Token counts that depend on the form alone."""
    image_in = form.image.width * form.image.height // 1024 + 1
    text_in = len(form.fields["prompt"].split())
    return {
        "input_tokens": image_in + text_in,
        "input_tokens_details": {"image_tokens": image_in, "text_tokens": text_in},
        "output_tokens": 1056,
        "total_tokens": image_in + text_in + 1056,
    }


def _check_fields(fields: Mapping[str, str]) -> None:
    for name, value in fields.items():
        if name not in _TEXT_FIELDS:
            raise RefusedFormError(400, f"Unknown parameter: '{name}'.", "unknown_parameter", name)
        allowed = _TEXT_FIELDS[name]
        if allowed is not None and value not in allowed:
            raise RefusedFormError(400, f"Invalid value: '{value}'.", "invalid_value", name)
    if not fields.get("prompt"):
        raise RefusedFormError(400, "Missing required parameter: 'prompt'.", "missing_required_parameter", "prompt")
    if len(fields["prompt"]) > 32_000:
        raise RefusedFormError(400, "Invalid 'prompt': string too long.", "string_above_max_length", "prompt")


def _check_size(model: str, size: str) -> None:
    if size in _FIXED_SIZES:
        return
    sides = re.fullmatch(r"(\d+)x(\d+)", size)
    width, height = (int(sides[1]), int(sides[2])) if sides else (0, 0)
    free = (
        model.startswith("gpt-image-2") and width % 16 == height % 16 == 0 and 0 < width <= 3840 and 0 < height <= 2160
    )
    if not free or not 1 / 3 <= width / height <= 3:
        raise RefusedFormError(400, f"Invalid size '{size}'.", "invalid_value", "size")


def _check_combinations(model: str, fields: Mapping[str, str]) -> None:
    output_format = fields.get("output_format", "png")
    if "output_compression" in fields and output_format == "png":
        raise RefusedFormError(400, "Compression is for jpeg and webp.", "invalid_value", "output_compression")
    if fields.get("background") == "transparent" and output_format == "jpeg":
        raise RefusedFormError(400, "Transparent background needs png or webp.", "invalid_value", "background")
    if fields.get("quality") in {"xhigh", "max"} and not model.startswith("gpt-image-2.5"):
        raise RefusedFormError(400, "This quality is not supported by the model.", "invalid_value", "quality")
    if "input_fidelity" in fields and model == "gpt-image-2":
        raise RefusedFormError(
            400, "input_fidelity is not supported.", "invalid_input_fidelity_model", "input_fidelity"
        )


def _opened(name: str, part: Part | None, *, max_bytes: int, mime_types: set[str]) -> Image.Image:
    if part is None or part.filename is None:
        raise RefusedFormError(400, f"Missing required parameter: '{name}'.", "missing_required_parameter", name)
    if part.mime_type is None:
        raise RefusedFormError(400, "The file has no content type.", "missing_file_mimetype", name)
    if part.mime_type not in mime_types:
        message = f"Invalid file '{name}': unsupported mimetype ('{part.mime_type}')."
        raise RefusedFormError(400, message, "unsupported_file_mimetype", name)
    if len(part.data) >= max_bytes:
        raise RefusedFormError(413, f"'{name}' is too large.", "image_file_too_large", name)
    try:
        picture = Image.open(io.BytesIO(part.data), formats=["PNG", "JPEG", "WEBP"])
        picture.load()
    except OSError:
        picture = None
    if picture is None or picture.mode not in _MODES:
        message = "Invalid image file or mode for image 1, please check your image file."
        raise RefusedFormError(400, message, "invalid_image_file", name, "image_generation_user_error")
    return picture
