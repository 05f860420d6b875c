"""One process per data folder: two would run the same work, and pay for it, twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


class FolderInUseError(Exception):
    """Another process works in the folder; the message names both."""


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Hold a data folder for this process; it is made when it is not there.

    The lock is the operating system's and ends with the process, however that ends.

    Raises:
        FolderInUseError: another process holds it.
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pid_file = folder / "afterimage.pid"
    lock = FileLock(folder / "afterimage.lock", timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise FolderInUseError(
            f"the data folder {folder} is in use by another process{_pid(pid_file)}; "
            "only one process at a time can work in it"
        ) from error
    try:
        pid_file.write_text(f"{os.getpid()}\n")
        yield
    finally:
        pid_file.unlink(missing_ok=True)
        lock.release()


def _pid(pid_file: Path) -> str:
    with suppress(OSError, ValueError):
        return f" (pid {int(pid_file.read_text())})"
    return ""
