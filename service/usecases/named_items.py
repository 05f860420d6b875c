"""The pictures that a request names itself: checked at acceptance, kept in the storage, listed part by part."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice

from pydantic import TypeAdapter

from service.domain.batches import Found, ItemList, Stage
from service.domain.keys import name_of_key, name_of_url, named_items_prefix
from service.domain.objects import ObjectRef
from service.domain.refusals import FieldError, RefusalCode, RefusedError
from service.ports.fetching import Fetcher, ForbiddenURLError
from service.ports.storage import Storage
from service.usecases.submissions import LinkedSource, NamedPicture, ObjectSource

_PART_ITEMS = 1000
_PART_BYTES = 64 * 1024 * 1024  # far more than that many of the longest URLs
_AT_ONCE = 8  # parts on their way to the store
_MOST_ERRORS = 20
_PART: TypeAdapter[tuple[Found, ...]] = TypeAdapter(tuple[Found, ...])


class NamedItems:
    """Keeps lists of pictures. Memory holds one part at a time when they are read, however long the list is."""

    def __init__(self, *, storage: Storage) -> None:
        self._storage = storage

    async def store(self, named: ItemList, found: Sequence[Found]) -> None:
        """Store a list durably.

        Raises:
            StorageError: parts of it may be there; `remove` takes them away.
        """
        numbers = range(1, named.parts + 1)
        for start in range(0, named.parts, _AT_ONCE):
            await asyncio.gather(
                *(self._put(named, number, found) for number in islice(numbers, start, start + _AT_ONCE))
            )

    async def read(self, named: ItemList, number: int) -> tuple[Found, ...]:
        """One part of a list.

        Raises:
            StorageError: it cannot be read.
        """
        stored = await self._storage.get(named.part(number), max_bytes=_PART_BYTES)
        return await asyncio.to_thread(_PART.validate_json, stored.data)

    async def remove(self, named: ItemList) -> None:
        """Remove a list, as far as it is there."""
        for number in range(1, named.parts + 1):
            await self._storage.delete(named.part(number))

    async def _put(self, named: ItemList, number: int, found: Sequence[Found]) -> None:
        part = tuple(found[(number - 1) * _PART_ITEMS : number * _PART_ITEMS])
        data = await asyncio.to_thread(_PART.dump_json, part, exclude_defaults=True)
        await self._storage.put(named.part(number), data, mime_type="application/json")


def item_list(bucket: str, job_id: str, count: int) -> ItemList:
    """Where the list of a job goes."""
    parts = -(-count // _PART_ITEMS)
    return ItemList(bucket=bucket, prefix=named_items_prefix(job_id), parts=parts, count=count)


def checked(pictures: Sequence[NamedPicture], *, storage: Storage, fetcher: Fetcher) -> tuple[Found, ...]:
    """Check what can be known to be wrong without asking anybody, and settle stages and names.

    Takes a second for a hundred thousand URLs, so it is not for the event loop.

    Raises:
        RefusedError: naming up to twenty fields.
    """
    errors = tuple(islice(_errors(pictures, storage, fetcher), _MOST_ERRORS))
    if errors:
        where = ", ".join(error.pointer for error in errors)
        raise RefusedError(errors[0].code, f"{errors[0].detail}: see {where}", errors=errors)
    return tuple(_found(pictures, storage.input_bucket))


def _errors(pictures: Sequence[NamedPicture], storage: Storage, fetcher: Fetcher) -> Iterator[FieldError]:
    for picture in pictures:
        match picture.source:
            case LinkedSource(url):
                try:
                    fetcher.check(url)
                except ForbiddenURLError as error:
                    yield FieldError(f"{picture.pointer}/url", str(error), RefusalCode.INVALID_IMAGE_URL)
            case ObjectSource(bucket=bucket) if bucket is not None and bucket not in storage.buckets:
                detail = f"bucket {bucket!r} is not one of the configured buckets"
                yield FieldError(f"{picture.pointer}/bucket", detail, RefusalCode.UNKNOWN_BUCKET)


def _found(pictures: Sequence[NamedPicture], input_bucket: str) -> Iterator[Found]:
    """The pictures with their stages: the first of a group is its main one."""
    begun: set[str] = set()
    for picture in pictures:
        stage = Stage.SECONDARY if picture.group in begun else Stage.MAIN
        if picture.group is not None:
            begun.add(picture.group)
        match picture.source:
            case LinkedSource(url):
                name = picture.name or name_of_url(url)
                yield Found(url=url, group=picture.group, name=name, stage=stage)
            case ObjectSource(key, bucket):
                name = picture.name or name_of_key(key)
                source = ObjectRef(bucket or input_bucket, key)
                yield Found(source=source, group=picture.group, name=name, stage=stage)
