"""Files that are being written, out of sight until they are whole."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from service.storage.folder_paths import make_folders


class Partials:
    """The unfinished files of one bucket. Each is locked while its writer lives.

    Args:
        threads: How many flush what goes along with another file.
    """

    def __init__(self, root: Path, *, threads: int = 16) -> None:
        self._root = root
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="partials")

    @contextmanager
    def written(self, *contents: bytes) -> Iterator[Sequence[Path]]:
        """Files with these bytes, durable, under names of their own; to be linked to their places inside."""
        with ExitStack() as stack:
            files = [stack.enter_context(self._filled(content)) for content in contents]
            self._flush(*(file for _, file in files))
            yield [path for path, _ in files]

    @contextmanager
    def _filled(self, content: bytes) -> Iterator[tuple[Path, BinaryIO]]:
        with self._locked_file() as (path, file):
            try:
                file.write(content)
                file.flush()
                yield path, file
            finally:
                path.unlink(missing_ok=True)

    def _flush(self, first: BinaryIO, *others: BinaryIO) -> None:
        # At the same time: the file system's journal takes them along together, and one after the other costs twice.
        flushed = [self._threads.submit(os.fsync, file.fileno()) for file in others]
        try:
            os.fsync(first.fileno())
        finally:
            wait(flushed)
        for flush in flushed:
            flush.result()

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
