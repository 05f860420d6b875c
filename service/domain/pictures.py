"""What a picture is: its format, its size, and why one is refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PictureFormat(StrEnum):
    """The picture formats that the service reads; the first four are also written."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    AVIF = "avif"
    GIF = "gif"
    BMP = "bmp"
    TIFF = "tiff"

    @property
    def mime_type(self) -> str:
        """The registered media type, for example ``image/jpeg``."""
        return f"image/{self.value}"

    @property
    def extension(self) -> str:
        """The file name ending without a dot, for example ``jpeg``."""
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureInfo:
    """What a picture's header says, read without decoding any pixel."""

    format: PictureFormat
    width: int  # pixels, as stored: before the orientation tag is applied
    height: int
    frames: int = 1

    @property
    def mime_type(self) -> str:
        """The media type that belongs to the bytes, whatever was declared."""
        return self.format.mime_type


class PictureFault(StrEnum):
    """Why bytes are not accepted as a picture; part of the public error codes."""

    NOT_A_PICTURE = "not_a_picture"
    UNSUPPORTED_FORMAT = "unsupported_image_format"
    TOO_MANY_BYTES = "image_too_large"
    TOO_MANY_PIXELS = "image_too_many_pixels"
    TOO_MANY_FRAMES = "image_too_many_frames"
    DAMAGED = "image_damaged"
    EMPTY = "image_empty"


class PictureRefusedError(Exception):
    """The bytes are not a picture that the service accepts; the message may be shown to the caller."""

    def __init__(self, fault: PictureFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message
