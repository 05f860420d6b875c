"""The asynchronous face of buckets whose calls block."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import ParamSpec, Protocol, TypeVar

from service.domain.objects import ObjectInfo, ObjectRef
from service.ports.storage import ListingPage, ObjectMissingError, StorageError, StoredObject

P = ParamSpec("P")
T = TypeVar("T")


class BlockingBucket(Protocol):
    """What `service.ports.storage.Storage` asks of one bucket, done at once, and only for keys that it takes."""

    def takes(self, key: str) -> bool:
        """Whether there can be an object under that key."""
        ...

    def put(self, ref: ObjectRef, data: bytes, mime_type: str, metadata: Mapping[str, str]) -> bool:
        """Store an object under a free key."""
        ...

    def get(self, ref: ObjectRef, max_bytes: int) -> StoredObject:
        """Read an object whole."""
        ...

    def head(self, ref: ObjectRef) -> ObjectInfo | None:
        """What is known of an object."""
        ...

    def delete(self, ref: ObjectRef) -> None:
        """Remove an object."""
        ...

    def link(self, ref: ObjectRef, expires_in_seconds: int, filename: str) -> str:
        """A link to an object; asks nobody."""
        ...

    def list(self, prefix: str, cursor: str | None) -> ListingPage:
        """One page of the bucket."""
        ...

    def ping(self) -> None:
        """Raise unless the bucket can be used."""
        ...


class Offloaded:
    """A `service.ports.storage.Storage` that calls blocking buckets in a bounded pool of threads.

    It refuses other buckets, and keys that a bucket cannot hold, before any call. A call whose awaiter is canceled
    runs to its end all the same: no object is left half done.

    Args:
        buckets: By their names; the input and the output bucket are among them.
        translated: Turns what the buckets raise into `StorageError`.
        threads: Calls at a time; more wait for their turn.
    """

    def __init__(
        self,
        buckets: Mapping[str, BlockingBucket],
        *,
        input_bucket: str,
        output_bucket: str,
        translated: Callable[[], AbstractContextManager[None]],
        threads: int,
    ) -> None:
        self._buckets = buckets
        self._input_bucket = input_bucket
        self._output_bucket = output_bucket
        self._translated = translated
        self._transfer_threads = ThreadPoolExecutor(threads, thread_name_prefix="storage")
        # A link costs only computing: it must not wait behind transfers to a store that hangs.
        self._link_threads = ThreadPoolExecutor(1, thread_name_prefix="storage-links")

    @property
    def input_bucket(self) -> str:
        """Where sources named by key are."""
        return self._input_bucket

    @property
    def output_bucket(self) -> str:
        """Where outputs and uploaded sources are stored."""
        return self._output_bucket

    @property
    def buckets(self) -> frozenset[str]:
        """All there are."""
        return frozenset(self._buckets)

    async def put(
        self, ref: ObjectRef, data: bytes, *, mime_type: str, metadata: Mapping[str, str] | None = None
    ) -> bool:
        """Store an object under a free key."""
        bucket = self._bucket(ref.bucket)
        if not bucket.takes(ref.key):
            raise StorageError("the storage cannot hold an object of that key", code="invalid_key", transient=False)
        return await self._run(self._transfer_threads, bucket.put, ref, data, mime_type, metadata or {})

    async def get(self, ref: ObjectRef, *, max_bytes: int) -> StoredObject:
        """Read an object whole."""
        bucket = self._bucket(ref.bucket)
        if not bucket.takes(ref.key):
            raise ObjectMissingError(ref)
        return await self._run(self._transfer_threads, bucket.get, ref, max_bytes)

    async def head(self, ref: ObjectRef) -> ObjectInfo | None:
        """What is known of an object."""
        bucket = self._bucket(ref.bucket)
        return await self._run(self._transfer_threads, bucket.head, ref) if bucket.takes(ref.key) else None

    async def delete(self, ref: ObjectRef) -> None:
        """Remove an object."""
        bucket = self._bucket(ref.bucket)
        if bucket.takes(ref.key):
            await self._run(self._transfer_threads, bucket.delete, ref)

    async def link(self, ref: ObjectRef, *, expires_in_seconds: int, filename: str) -> str:
        """A link to an object, whether it is there or not."""
        return await self._run(self._link_threads, self._bucket(ref.bucket).link, ref, expires_in_seconds, filename)

    async def list(self, bucket: str, prefix: str, *, cursor: str | None = None) -> ListingPage:
        """One page of a bucket."""
        return await self._run(self._transfer_threads, self._bucket(bucket).list, prefix, cursor)

    async def ping(self) -> None:
        """Ask every bucket at once."""
        await asyncio.gather(*(self._run(self._transfer_threads, bucket.ping) for bucket in self._buckets.values()))

    async def close(self) -> None:
        """Wait for what runs; nothing may be called afterwards."""
        await asyncio.to_thread(self._transfer_threads.shutdown)
        await asyncio.to_thread(self._link_threads.shutdown)

    def _bucket(self, name: str) -> BlockingBucket:
        if name not in self._buckets:
            raise StorageError(f"{name!r} is no configured bucket", code="unknown_bucket", transient=False)
        return self._buckets[name]

    async def _run(self, pool: ThreadPoolExecutor, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def translated() -> T:
            with self._translated():
                return call(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(pool, translated)
