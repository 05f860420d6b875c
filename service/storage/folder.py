"""A local folder as a storage, for those who have no bucket."""

from __future__ import annotations

from pathlib import Path

from service.domain.objects import ObjectRef
from service.ports.clock import Clock
from service.ports.storage import LinkedFile, LinkRefusedError
from service.storage.folder_bucket import FolderBucket
from service.storage.folder_errors import translated
from service.storage.offloaded import Offloaded
from service.storage.signed_links import SignedLinks


class FolderStorage(Offloaded):
    """Buckets as folders, as a `service.ports.storage.Storage` and a `service.ports.storage.FileLinks`.

    The folders are made at once, and what writers that were killed left in them is removed. Several processes may
    share them. On a file system that does not tell upper from lower case, keys that differ in nothing else are one.

    Args:
        root: Holds one folder for each bucket; a bucket may also be a symbolic link or a mount.
        link_base_url: Where this service serves ``/files/…``.
        link_key: Signs links; kept over restarts, or earlier links are refused.
        threads: Calls at a time.

    Raises:
        StorageError: the folders cannot be made.
    """

    def __init__(
        self,
        *,
        root: Path,
        input_bucket: str,
        output_bucket: str,
        link_base_url: str,
        link_key: bytes,
        clock: Clock,
        threads: int = 16,
    ) -> None:
        self._links = SignedLinks(base_url=link_base_url, key=link_key, clock=clock)
        with translated():
            self._folders = {
                name: FolderBucket(name, root / name, links=self._links, written=name == output_bucket)
                for name in {input_bucket, output_bucket}
            }
        super().__init__(
            self._folders,
            input_bucket=input_bucket,
            output_bucket=output_bucket,
            translated=translated,
            threads=threads,
        )

    def open(self, bucket: str, key: str, *, expires: str, filename: str, signature: str) -> LinkedFile:
        """The file behind a link. Touches the disk: not for the event loop.

        Raises:
            LinkRefusedError: the link is not one of ours; or it has expired, as it also has when its file is gone.
            StorageError: the folder cannot be read.
        """
        ref = ObjectRef(bucket, key)
        self._links.check(ref, expires=expires, filename=filename, signature=signature)
        folder = self._folders.get(bucket)
        with translated():
            file = folder.file(ref) if folder is not None and folder.takes(key) else None
        if file is None:
            raise LinkRefusedError("the file is not there any more", expired=True)
        path, info = file
        return LinkedFile(str(path), info.mime_type, filename)
