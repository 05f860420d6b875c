"""What a folder keeps beside its files: the media types and the metadata that their bytes do not tell."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel

from service.storage.folder_paths import make_folders, make_folders_durably, sync_folder


class Sidecar(BaseModel, frozen=True):
    """What is kept with one file. `byte_count` tells whether somebody has put another file in its place since."""

    key: str
    byte_count: int
    mime_type: str
    metadata: Mapping[str, str]


class Sidecars:
    """The sidecars of one bucket, in 256 folders by the digest of the key: no key is too long, no folder too full."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def prepare(self) -> None:
        """Make the folders, all at once: made one by one they would slow the first few hundred objects down."""
        for number in range(256):
            make_folders(self._root / f"{number:02x}")
        sync_folder(self._root)
        sync_folder(self._root.parent)

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Keep other threads and processes from putting or removing the object meanwhile."""
        shard = self._path(key).parent
        try:
            descriptor = os.open(shard, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:  # of a bucket that was only read so far, or somebody has tidied up
            make_folders_durably(shard)
            descriptor = os.open(shard, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)  # and with it the lock

    def read(self, key: str, byte_count: int) -> Sidecar | None:
        """The sidecar of a file of that size, None when it has none."""
        try:
            sidecar = Sidecar.model_validate_json(self._path(key).read_bytes())
        except FileNotFoundError:
            return None
        return sidecar if sidecar.byte_count == byte_count else None

    def write(self, sidecar: Sidecar) -> None:
        """Store a sidecar durably, over one that a crash or a person left without its file."""
        path = self._path(sidecar.key)
        with path.open("wb") as file:  # nobody reads it yet: the file that it belongs to comes afterwards
            file.write(sidecar.model_dump_json().encode())
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)

    def remove(self, key: str) -> None:
        """Remove a sidecar, if there is one."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._root / digest[:2] / f"{digest}.json"
