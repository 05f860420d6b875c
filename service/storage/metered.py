"""A store whose calls are counted and timed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from service.domain.objects import ObjectInfo, ObjectRef
from service.ports.storage import ListingPage, Storage, StorageError, StoredObject
from service.telemetry.metrics import Metrics


class MeteredStorage:
    """Implements `service.ports.storage.Storage` around another one. Links are made without a call and not counted."""

    def __init__(self, storage: Storage, metrics: Metrics) -> None:
        self._storage = storage
        self._metrics = metrics

    @property
    def input_bucket(self) -> str:
        """That of the store behind it."""
        return self._storage.input_bucket

    @property
    def output_bucket(self) -> str:
        """That of the store behind it."""
        return self._storage.output_bucket

    @property
    def buckets(self) -> frozenset[str]:
        """Those of the store behind it."""
        return self._storage.buckets

    async def put(
        self, ref: ObjectRef, data: bytes, *, mime_type: str, metadata: Mapping[str, str] | None = None
    ) -> bool:
        """Store bytes durably under a key that is written once."""
        with self._timed("put"):
            return await self._storage.put(ref, data, mime_type=mime_type, metadata=metadata)

    async def get(self, ref: ObjectRef, *, max_bytes: int) -> StoredObject:
        """Read one object whole."""
        with self._timed("get"):
            return await self._storage.get(ref, max_bytes=max_bytes)

    async def head(self, ref: ObjectRef) -> ObjectInfo | None:
        """What the store knows of an object."""
        with self._timed("head"):
            return await self._storage.head(ref)

    async def delete(self, ref: ObjectRef) -> None:
        """Remove an object."""
        with self._timed("delete"):
            await self._storage.delete(ref)

    async def link(self, ref: ObjectRef, *, expires_in_seconds: int, filename: str) -> str:
        """A presigned URL."""
        return await self._storage.link(ref, expires_in_seconds=expires_in_seconds, filename=filename)

    async def list(self, bucket: str, prefix: str, *, cursor: str | None = None) -> ListingPage:
        """One page of a bucket."""
        with self._timed("list"):
            return await self._storage.list(bucket, prefix, cursor=cursor)

    async def ping(self) -> None:
        """Raise unless the store can be reached."""
        with self._timed("ping"):
            await self._storage.ping()

    async def close(self) -> None:
        """Close the store behind it."""
        await self._storage.close()

    @contextmanager
    def _timed(self, operation: str) -> Iterator[None]:
        started, outcome = time.perf_counter(), "succeeded"
        try:
            yield
        except StorageError as error:
            outcome = error.code
            raise
        finally:
            self._metrics.storage_called(operation=operation, outcome=outcome, seconds=time.perf_counter() - started)
