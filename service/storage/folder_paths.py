"""Keys as paths of one folder, and changes to it that survive a power failure."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

_KNOWS_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})  # shares of Windows, for example


def path_of(root: Path, key: str) -> Path | None:
    """Where the object of a key is or would be.

    Args:
        root: The folder, with symbolic links resolved.
        key: One that `service.storage.keys.is_file_key` accepts.

    Returns:
        None when a symbolic link below the folder stands in the way: none is ever followed.
    """
    path = str(root)
    for name in key.split("/"):
        path = f"{path}/{name}"
        if os.path.islink(path):  # noqa: PTH114 - asked of every folder on the way, for every object
            return None
    return Path(path)


def make_folders(path: Path) -> list[Path]:
    """Make a folder and those above it.

    Returns:
        The folders that hold something new now: durable once `sync_folder` was called for each.

    Raises:
        FileExistsError: a file has one of their names.
        NotADirectoryError: the same, further above.
    """
    if path.is_dir():
        return []
    try:
        path.mkdir()
    except FileNotFoundError:
        return [*make_folders(path.parent), *make_folders(path)]
    except FileExistsError:
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)  # one look: others make and remove folders meanwhile
        except FileNotFoundError:
            if path.is_symlink():
                raise
            return make_folders(path)  # who removed the last file of the folder has taken the folder away just now
        except OSError:  # a symbolic link that leads to itself
            is_folder = False
        if is_folder:
            return []
        raise
    return [path.parent]


def make_folders_durably(path: Path) -> None:
    """Make a folder and those above it, to stay."""
    for changed in make_folders(path):
        sync_folder(changed)


def give_name(file: Path, path: Path) -> None:
    """Give a file a name that must be free, for good; its own goes sooner or later.

    Raises:
        FileExistsError: the name is taken.
        FileNotFoundError: the folder is gone.
    """
    try:
        path.hardlink_to(file)
    except OSError as error:
        if error.errno not in _KNOWS_NO_LINKS:
            raise
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        file.rename(path)


def sync_folder(path: Path) -> None:
    """Make durable what was created, renamed or removed in a folder."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_empty_folders(path: Path, root: Path) -> None:
    """Remove a folder and those above it, as far as they hold nothing; never the root."""
    with suppress(OSError):  # not empty: the usual end
        while path != root:
            path.rmdir()
            path = path.parent
