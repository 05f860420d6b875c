"""Which keys a batch takes: globs, names that can be no picture, and what the service itself wrote."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from mimetypes import MimeTypes

from service.domain.batches import Selection

_OWN = re.compile(r"(?:^|/)job_[0-9a-f]{32}(?:/|(?:\.mask)?$)")  # a folder of one job, or its uploaded picture or mask
_NAMES = MimeTypes()  # the table that comes with Python: the same on every machine
_UNLISTED_PICTURES = frozenset({".webp", ".avif", ".jfif", ".dib", ".heic", ".heif"})


class KeyFilter:
    """The include and exclude globs of a selection, compiled.

    Globs are matched against the whole key, upper and lower case apart: ``*`` is any text, slashes too, ``?`` any
    character, ``[ab]`` one of some. ``**/`` in front also matches nothing.
    """

    def __init__(self, selection: Selection) -> None:
        self._include = _compiled(selection.include)
        self._exclude = _compiled(selection.exclude)
        # Outputs must not become sources of the next batch, unless that is what the caller names.
        self._own_too = _OWN.search(selection.prefix) is not None or bool(
            selection.earlier_job_id or selection.manifest
        )

    def __call__(self, key: str) -> bool:
        """Whether a key belongs to the selection."""
        if not self._own_too and _OWN.search(key):
            return False
        if self._include and not any(pattern.match(key) for pattern in self._include):
            return False
        return not any(pattern.match(key) for pattern in self._exclude)


def may_be_picture(key: str) -> bool:
    """Whether a name leaves it open that there is a picture behind it; in the end the bytes decide."""
    if key.endswith("/"):
        return False
    name = key.rpartition("/")[2]
    extension = f".{name.rpartition('.')[2].lower()}" if "." in name else ""
    if extension in _UNLISTED_PICTURES:
        return True
    if extension in _NAMES.encodings_map:  # .gz and its like
        return False
    known = _NAMES.types_map[True].get(extension)
    return known is None or known.startswith("image/")


def _compiled(globs: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    wanted = [variant for glob in globs for variant in ((glob, glob[3:]) if glob.startswith("**/") else (glob,))]
    return tuple(re.compile(fnmatch.translate(glob)) for glob in wanted)
