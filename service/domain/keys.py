"""Deterministic keys: where each picture of a job is stored, known before the picture exists."""

from __future__ import annotations

import itertools
import posixpath
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_STEM_CHARACTERS = 80
_NAME_BYTES = 200  # of one part of a key: file systems take 255, and an output's name has more to it
_PICTURE_ENDING = re.compile(r"\.(?:png|jpe?g|jfif|webp|avif|gif|bmp|tiff?)$", re.IGNORECASE)


def source_key(job_id: str) -> str:
    """The key under which the service keeps an uploaded picture."""
    return f"sources/{job_id}"


def mask_key(job_id: str) -> str:
    """The key under which the service keeps an uploaded mask."""
    return f"sources/{job_id}.mask"


def named_items_prefix(job_id: str) -> str:
    """What the keys begin with under which the service keeps the pictures that a request named."""
    return f"{source_key(job_id)}/items-"


def output_key(prefix: str, job_id: str, filename: str | None, extension: str) -> str:
    """The key of a single job's output: ``{prefix}/{job_id}/{stem}_modified.{extension}``.

    A provider's result and a local fallback share it: the object's metadata says which it is, and a restart that finds
    it there asks nobody again.
    """
    return posixpath.join(prefix.strip("/"), job_id, f"{safe_stem(filename)}_modified.{extension}").lstrip("/")


def batch_prefix(prefix: str, job_id: str) -> str:
    """Where a batch stores all its outputs: ``{prefix}/{job_id}``."""
    return posixpath.join(prefix.strip("/"), job_id).lstrip("/")


def item_keys(prefix: str, key: str, extension: str) -> Iterator[str]:
    """The output keys of a batch's item, from the one wanted to those for when it is taken by another of the batch.

    The whole path of the source stays: ``{prefix}/a/b_modified.png`` for ``a/b.jpg``. A second source with that stem
    keeps its own extension, ``a/b.webp_modified.png``; a third claim on a key gets a number.

    Args:
        prefix: As `batch_prefix` gives it.
    """
    folder, slash, name = key.rpartition("/")
    stem = posixpath.splitext(name)[0]
    yield f"{prefix}/{folder}{slash}{stem}_modified.{extension}"
    yield f"{prefix}/{key}_modified.{extension}"
    for number in itertools.count(2):
        yield f"{prefix}/{key}_{number}_modified.{extension}"


def named_item_keys(prefix: str, group: str | None, name: str, number: int, extension: str) -> Iterator[str]:
    """The output keys of an item that was named, as `item_keys` gives those of objects.

    Group and name stay: ``{prefix}/SKU-1/front_modified.webp`` for ``front`` or ``front.jpg`` of the group ``SKU-1``.
    Where another has taken that, the ending of the name is kept, then the item's number is added.
    """
    folder = prefix if group is None else f"{prefix}/{group}"
    stem = _PICTURE_ENDING.sub("", name) or name
    yield f"{folder}/{stem}_modified.{extension}"
    yield f"{folder}/{name}_modified.{extension}"
    yield f"{folder}/{name}_{number}_modified.{extension}"
    for further in itertools.count(2):
        yield f"{folder}/{name}_{number}_{further}_modified.{extension}"


def is_name(text: str) -> bool:
    """Whether a text can be one part of a key as it is: a group, or the name of a picture in it."""
    try:
        short = 0 < len(text.encode()) <= _NAME_BYTES
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return short and text.isprintable() and text not in {".", ".."} and not {"/", "\\"} & set(text)


def name_of_url(url: str) -> str:
    """What a picture is called that has no name but its URL."""
    return safe_stem(unquote(urlsplit(url).path))


def name_of_key(key: str) -> str:
    """What a picture is called that has no name but its key."""
    name = posixpath.basename(key)
    return name if is_name(name) else safe_stem(name)


def safe_stem(filename: str | None) -> str:
    """A file name's stem with nothing in it that a path, a URL or a header could misread."""
    stem = posixpath.splitext(posixpath.basename((filename or "").replace("\\", "/")))[0]
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    return _UNSAFE.sub("_", plain).strip("._-")[:_STEM_CHARACTERS] or "image"
