"""One bucket that is a folder: plain files for people, and what belongs to them in a hidden folder beside."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path

from service.domain.objects import ObjectInfo, ObjectRef
from service.ports.storage import ListingPage, ObjectMissingError, ObjectTooLargeError, StoredObject
from service.storage.folder_listing import files_after
from service.storage.folder_paths import (
    give_name,
    make_folders,
    make_folders_durably,
    path_of,
    remove_empty_folders,
    sync_folder,
)
from service.storage.keys import HIDDEN, is_file_key
from service.storage.media import HEAD_BYTES, UNKNOWN, media_type
from service.storage.partials import Partials
from service.storage.sidecars import Sidecar, Sidecars
from service.storage.signed_links import SignedLinks

_PAGE_KEYS = 1000


class FolderBucket:
    """Objects as files. One exists from the moment at which its file has its name: whole, durable, with its sidecar.

    A file needs a sidecar only when its bytes and its name do not tell its media type, or when metadata goes with it.
    So files that people put here are objects like all others, and an uploaded picture costs one write.

    Args:
        written: Whether objects are to be put here; pictures that are only read may be where nobody can write.
    """

    def __init__(self, name: str, folder: Path, *, links: SignedLinks, written: bool) -> None:
        make_folders_durably(folder)
        self._name = name
        self._links = links
        self._written = written
        self._folder = Path(os.path.realpath(folder))
        self._sidecars = Sidecars(self._folder / HIDDEN / "sidecars")
        self._partials = Partials(self._folder / HIDDEN / "partials")
        self._partials.sweep()
        if written:
            self._sidecars.prepare()

    def takes(self, key: str) -> bool:
        """Any key that is a path below a folder."""
        return is_file_key(key)

    def put(self, ref: ObjectRef, data: bytes, mime_type: str, metadata: Mapping[str, str]) -> bool:
        """Store an object under a free key, durably; also one that another has just stored is durable on return."""
        path = path_of(self._folder, ref.key)
        if path is None:
            raise NotADirectoryError
        is_free = not _is_file(path) and self._store(path, ref.key, data, mime_type, metadata)
        sync_folder(path.parent)
        return is_free

    def get(self, ref: ObjectRef, max_bytes: int) -> StoredObject:
        """Read an object whole."""
        found = self.file(ref)
        if found is None:
            raise ObjectMissingError(ref)
        path, info = found
        if info.byte_count > max_bytes:
            raise ObjectTooLargeError(ref, max_bytes)
        with path.open("rb") as file:
            return StoredObject(info, file.read(info.byte_count))

    def head(self, ref: ObjectRef) -> ObjectInfo | None:
        """What the file and its sidecar say."""
        found = self.file(ref)
        return found and found[1]

    def file(self, ref: ObjectRef) -> tuple[Path, ObjectInfo] | None:
        """Where an object is as a file, and what is known of it; only regular files are objects."""
        path = path_of(self._folder, ref.key)
        if path is None or not path.is_file():
            return None
        status = path.stat()
        sidecar = self._sidecars.read(ref.key, status.st_size)
        if sidecar is not None:
            return path, _info(ref, status, sidecar.mime_type, sidecar.metadata)
        with path.open("rb") as file:
            return path, _info(ref, status, media_type(ref.key, file.read(HEAD_BYTES)), {})

    def delete(self, ref: ObjectRef) -> None:
        """Remove a file with its sidecar, and the folders that are empty then."""
        path = path_of(self._folder, ref.key)
        if path is None or not path.is_file():
            return
        with self._sidecars.locked(ref.key):
            path.unlink(missing_ok=True)
            self._sidecars.remove(ref.key)
        remove_empty_folders(path.parent, self._folder)

    def link(self, ref: ObjectRef, expires_in_seconds: int, filename: str) -> str:
        """A link that this service answers."""
        return self._links.link(ref, expires_in_seconds=expires_in_seconds, filename=filename)

    def list(self, prefix: str, cursor: str | None) -> ListingPage:
        """One page; the cursor is the last key of the page before."""
        found = list(islice(files_after(self._folder, prefix=prefix, after=cursor or ""), _PAGE_KEYS + 1))
        page = found[:_PAGE_KEYS]
        objects: list[ObjectInfo] = []
        for key, entry in page:
            with suppress(FileNotFoundError):  # removed meanwhile
                status = entry.stat(follow_symlinks=False)
                objects.append(_info(ObjectRef(self._name, key), status, UNKNOWN, {}))
        return ListingPage(tuple(objects), page[-1][0] if len(found) > _PAGE_KEYS else None)

    def ping(self) -> None:
        """Store a file where that is needed, and read the folder."""
        if self._written:
            with self._partials.written(b""):
                pass
        os.scandir(self._folder).close()

    def _store(self, path: Path, key: str, data: bytes, mime_type: str, metadata: Mapping[str, str]) -> bool:
        """Write first, and hold the lock no longer than it takes to give names.

        A process may be stopped meanwhile, and go on when others have given the object its names: it changes none.
        """
        changed = make_folders(path.parent)  # before the file, so that the journal takes them along with it
        beside: list[bytes] = []
        if metadata or mime_type != media_type(key, data[:HEAD_BYTES]):
            said = Sidecar(key=key, byte_count=len(data), mime_type=mime_type, metadata=metadata)
            beside.append(said.model_dump_json().encode())
        with self._partials.written(data, *beside) as (partial, *sidecars), self._sidecars.locked(key):
            if _is_file(path):
                return False
            sidecar = sidecars[0] if sidecars else None
            return self._place_sidecar(path, key, sidecar) and _named(partial, path, changed)

    def _place_sidecar(self, path: Path, key: str, sidecar: Path | None) -> bool:
        """Place what belongs to a file that is about to get its name; False where another has that name by now."""
        if sidecar is None:
            self._sidecars.remove(key)
            return True
        try:
            self._sidecars.place(key, sidecar)
        except FileExistsError:
            if _is_file(path):
                return False
            self._sidecars.replace(key, sidecar)
        return True


def _named(partial: Path, path: Path, changed: Iterable[Path]) -> bool:
    """Give a file its name; False where another has it."""
    while True:
        try:
            for folder in changed:
                sync_folder(folder)
            give_name(partial, path)
        except FileExistsError:
            return False
        except FileNotFoundError:  # who removes the last file of a folder may take the folder away
            partial.stat()
            changed = make_folders(path.parent)
        else:
            return True


def _is_file(path: Path) -> bool:
    """Whether there is a file.

    Raises:
        NotADirectoryError: there is something else.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(status.st_mode):
        raise NotADirectoryError
    return True


def _info(ref: ObjectRef, status: os.stat_result, mime_type: str, metadata: Mapping[str, str]) -> ObjectInfo:
    etag = f"{status.st_mtime_ns:x}-{status.st_size:x}"
    return ObjectInfo(ref=ref, byte_count=status.st_size, mime_type=mime_type, etag=etag, metadata=metadata)
