"""What a folder keeps beside its files: the media types and the metadata that their bytes do not tell."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
from pydantic import BaseModel

from service.storage.folder_paths import give_name, make_folders, make_folders_durably, sync_folder

_log = structlog.get_logger()

_PATIENCE_SECONDS = 5.0
_AGAIN_SECONDS = 0.002


class Sidecar(BaseModel, frozen=True):
    """What is kept with one file. `byte_count` tells whether somebody has put another file in its place since."""

    key: str
    byte_count: int
    mime_type: str
    metadata: Mapping[str, str]


class Sidecars:
    """The sidecars of one bucket, in 256 folders by the digest of the key: no key is too long, no folder too full."""

    def __init__(self, root: Path, *, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._root = root
        self._patience_seconds = patience_seconds

    def prepare(self) -> None:
        """Make the folders, all at once: made one by one they would slow the first few hundred objects down."""
        for number in range(256):
            make_folders(self._root / f"{number:02x}")
        sync_folder(self._root)
        sync_folder(self._root.parent)

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Keep other threads and processes from putting or removing the object meanwhile.

        Who does not let go within the patience has been stopped, and is waited for no longer. Should it go on one day,
        names that were given meanwhile stay what they are: `give_name` takes none from anybody.
        """
        shard = self._path(key).parent
        try:
            descriptor = os.open(shard, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:  # of a bucket that was only read so far, or somebody has tidied up
            make_folders_durably(shard)
            descriptor = os.open(shard, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._lock(descriptor)
            yield
        finally:
            os.close(descriptor)  # and with it the lock

    def _lock(self, descriptor: int) -> None:
        until = time.monotonic() + self._patience_seconds
        while time.monotonic() < until:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(_AGAIN_SECONDS)
        _log.warning("another process holds a lock for long, and is waited for no longer", folder=self._root.name)

    def read(self, key: str, byte_count: int) -> Sidecar | None:
        """The sidecar of a file of that size, None when it has none."""
        try:
            sidecar = Sidecar.model_validate_json(self._path(key).read_bytes())
        except FileNotFoundError:
            return None
        return sidecar if sidecar.byte_count == byte_count else None

    def place(self, key: str, written: Path) -> None:
        """Make a file that is written the sidecar of a key, durably, before the file that it belongs to is there.

        Raises:
            FileExistsError: there is one.
        """
        give_name(written, self._path(key))
        sync_folder(self._path(key).parent)

    def replace(self, key: str, written: Path) -> None:
        """The same in place of one that a crash or a person left without its file."""
        written.rename(self._path(key))
        sync_folder(self._path(key).parent)

    def remove(self, key: str) -> None:
        """Remove a sidecar, if there is one."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._root / digest[:2] / f"{digest}.json"
