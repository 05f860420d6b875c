"""The seam to where bytes are: an S3-compatible store or a local folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from service.domain.objects import ObjectInfo, ObjectRef


class StorageError(Exception):
    """The store failed. `transient` says whether the same call may succeed later; the message names no secret."""

    def __init__(self, message: str, *, code: str, transient: bool) -> None:
        super().__init__(message)
        self.code = code
        self.transient = transient


class ObjectMissingError(StorageError):
    """There is no object under that key."""

    def __init__(self, ref: ObjectRef) -> None:
        super().__init__(f"no object {ref.key!r} in bucket {ref.bucket!r}", code="object_not_found", transient=False)
        self.ref = ref


class ObjectTooLargeError(StorageError):
    """The object has more bytes than the caller of `get` accepts; it was not read to its end."""

    def __init__(self, ref: ObjectRef, max_bytes: int) -> None:
        super().__init__(f"{ref.key!r} is larger than {max_bytes} bytes", code="object_too_large", transient=False)
        self.ref = ref


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object with its bytes."""

    info: ObjectInfo
    data: bytes


@dataclass(frozen=True, slots=True)
class ListingPage:
    """At most a thousand objects; `cursor` is None on the last page."""

    objects: tuple[ObjectInfo, ...]
    cursor: str | None


class Storage(Protocol):
    """One store with its configured buckets. Every method may raise `StorageError`."""

    @property
    def input_bucket(self) -> str:
        """Where sources named by key are, unless the caller names another configured bucket."""
        ...

    @property
    def output_bucket(self) -> str:
        """Where outputs, and the sources that the service keeps, are stored."""
        ...

    @property
    def buckets(self) -> frozenset[str]:
        """The configured buckets; no other may ever be touched."""
        ...

    async def put(
        self, ref: ObjectRef, data: bytes, *, mime_type: str, metadata: Mapping[str, str] | None = None
    ) -> bool:
        """Store bytes durably under a key that is written once.

        Args:
            metadata: Short lower-case ASCII names to ASCII values, kept with the object.

        Returns:
            True when the bytes were stored, False when the key was already taken (and stays as it was).
        """
        ...

    async def get(self, ref: ObjectRef, *, max_bytes: int) -> StoredObject:
        """Read one object whole.

        Raises:
            ObjectMissingError: there is none.
            ObjectTooLargeError: it has more than `max_bytes`.
        """
        ...

    async def head(self, ref: ObjectRef) -> ObjectInfo | None:
        """What the store knows of an object, None when there is none."""
        ...

    async def delete(self, ref: ObjectRef) -> None:
        """Remove an object; none there is no error."""
        ...

    async def link(self, ref: ObjectRef, *, expires_in_seconds: int, filename: str) -> str:
        """A presigned URL that lets its holder download one object until it expires.

        Args:
            filename: The name that the download is offered under.
        """
        ...

    async def list(self, bucket: str, prefix: str, *, cursor: str | None = None) -> ListingPage:
        """One page of a bucket in key order; `metadata` and `mime_type` are not filled by a listing."""
        ...

    async def ping(self) -> None:
        """Raise `StorageError` unless the configured buckets can be reached."""
        ...

    async def close(self) -> None:
        """Release threads and connections."""
        ...


class LinkRefusedError(Exception):
    """A link to a file of the local folder is expired, tampered with, or leads to nothing."""

    def __init__(self, message: str, *, expired: bool) -> None:
        super().__init__(message)
        self.expired = expired


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """A file that a valid link leads to."""

    path: str
    mime_type: str
    filename: str


class FileLinks(Protocol):
    """Answers the links that the local folder hands out; an S3 store answers its own."""

    def open(self, bucket: str, key: str, *, expires: str, filename: str, signature: str) -> LinkedFile:
        """The file behind a link.

        Raises:
            LinkRefusedError: the signature does not match, or the time is over, or the file is gone.
        """
        ...
