"""The files of a folder in the order that S3 lists keys in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from operator import itemgetter

from service.storage.keys import is_file_key


def files_after(
    folder: str | os.PathLike[str], *, prefix: str, after: str, base: str = ""
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """The files whose key starts with a prefix and is greater than another key, ascending.

    Only folders that can hold such a key are read, each when its turn comes. Symbolic links, and names that no key can
    have, are passed over. Keys are compared as text, which orders them as their UTF-8 bytes do.

    Args:
        base: What stands before the names of this folder in a key: empty, or ends with a slash.
    """
    for key, entry in sorted(_entries(folder, base), key=itemgetter(0)):
        if not key.endswith("/"):
            if key.startswith(prefix) and key > after:
                yield key, entry
        elif _overlap(key, prefix) and (key > after or after.startswith(key)):
            yield from files_after(entry, prefix=prefix, after=after, base=key)


def _entries(folder: str | os.PathLike[str], base: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """What stands in a folder; a folder's key ends with a slash, as it does in the keys of what it holds."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                key = base + entry.name
                if not is_file_key(key):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield f"{key}/", entry
                elif entry.is_file(follow_symlinks=False):
                    yield key, entry
    except FileNotFoundError:  # removed since its parent was read
        return


def _overlap(folder: str, prefix: str) -> bool:
    return folder.startswith(prefix) or prefix.startswith(folder)
