"""Files that are being written, out of sight until they are whole."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from service.storage.folder_paths import make_folders


class Partials:
    """The unfinished files of one bucket. Each is locked while its writer lives."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def written(self, data: bytes) -> Iterator[Path]:
        """A file with these bytes, durable, under a name of its own; to be linked to its place inside."""
        with self._locked_file() as (path, file):
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                yield path
            finally:
                path.unlink(missing_ok=True)

    @contextmanager
    def _locked_file(self) -> Iterator[tuple[Path, BinaryIO]]:
        """A new file that is ours: one that a sweeper took between its making and its locking is no longer there."""
        while True:
            path = self._root / secrets.token_hex(16)
            with self._created(path) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file.fileno()).st_nlink:
                    yield path, file
                    return

    def _created(self, path: Path) -> BinaryIO:
        try:
            return path.open("xb")
        except FileNotFoundError:
            make_folders(self._root)
            return path.open("xb")

    def sweep(self) -> None:
        """Remove what writers left that died; those of other processes that live are let be."""
        for path in self._root.iterdir() if self._root.is_dir() else ():
            with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
