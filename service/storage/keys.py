"""Which keys can stand for an object."""

from __future__ import annotations

MAX_KEY_BYTES = 1024
"""What S3 allows: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""

HIDDEN = ".afterimage"
"""Where a folder bucket keeps what is not for people; no key begins with it."""

_MAX_NAME_BYTES = 255  # of one component, on every common file system


def is_key(key: str) -> bool:
    """Whether a store takes it: 1 to 1,024 bytes of UTF-8 without NUL."""
    try:
        return 0 < len(key.encode()) <= MAX_KEY_BYTES and "\0" not in key
    except UnicodeEncodeError:  # a lone surrogate
        return False


def is_file_key(key: str) -> bool:
    """Whether a folder takes it: each component is a plain name, so that the path leads down and nowhere else."""
    parts = key.split("/")
    return is_key(key) and parts[0].casefold() != HIDDEN and all(map(_is_name, parts))


def _is_name(part: str) -> bool:
    return part not in {"", ".", ".."} and len(part.encode()) <= _MAX_NAME_BYTES
