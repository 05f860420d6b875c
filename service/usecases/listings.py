"""Listings: the objects that a batch is about, page by page, from where it was left."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from service.domain.batches import Batch, Found, ItemList, Selection, SkipReason
from service.domain.objects import ObjectRef
from service.domain.reports import picture_in
from service.domain.selecting import KeyFilter, may_be_picture
from service.ports.batches import BatchLedger, ItemQuery
from service.ports.storage import Storage, StorageError
from service.usecases.named_items import NamedItems

_PAGE_ITEMS = 1000
_MANIFEST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Page:
    """What one step brought, in order; `cursor` is None where there is no more."""

    found: tuple[Found, ...]
    cursor: str | None


class Listings:
    """Reads buckets, manifests, what requests named themselves, and what is recorded of earlier batches."""

    def __init__(self, *, storage: Storage, batches: BatchLedger) -> None:
        self._storage = storage
        self._batches = batches
        self._named = NamedItems(storage=storage)

    async def page(self, batch: Batch) -> Page:
        """The next page of what a batch selects, with what is to be passed over marked so.

        Raises:
            StorageError: the bucket or the manifest cannot be read.
        """
        selection = batch.selection
        if selection.named is not None:
            return await self._of_named(selection.named, batch.cursor)
        if selection.earlier_job_id is not None:
            page = await self._of_earlier(selection, selection.earlier_job_id, batch.cursor)
        elif selection.manifest is not None:
            page = await self._of_manifest(selection.manifest, batch.cursor)
        else:
            page = await self._of_bucket(selection, batch.cursor)
        wanted = KeyFilter(selection)
        found = [_judged(one) for one in page.found if one.source is None or wanted(one.source.key)]
        if selection.skip_existing:
            there = await self._batches.existing(batch.likeness, found)
            found = [
                replace(one, skip=SkipReason.EXISTS)
                if one.skip is None and one.source and one.source.key in there
                else one
                for one in found
            ]
        return _within(found, page.cursor, batch.room)

    async def _of_bucket(self, selection: Selection, cursor: str | None) -> Page:
        listed = await self._storage.list(selection.bucket, selection.prefix, cursor=cursor)
        found = tuple(Found(source=one.ref, byte_count=one.byte_count, etag=one.etag) for one in listed.objects)
        return Page(found, listed.cursor)

    async def _of_earlier(self, selection: Selection, job_id: str, cursor: str | None) -> Page:
        query = ItemQuery(job_id=job_id, status=selection.earlier_status, after=int(cursor or 0), limit=_PAGE_ITEMS)
        items = await self._batches.items(query)
        found = tuple(
            Found(
                source=item.source,
                url=item.url,
                byte_count=item.byte_count,
                etag=item.etag,
                group=item.group,
                name=item.name,
                stage=item.stage,
            )
            for item in items
            if item.source is None or item.source.key.startswith(selection.prefix)
        )
        return Page(found, str(items[-1].number) if len(items) == _PAGE_ITEMS else None)

    async def _of_named(self, named: ItemList, cursor: str | None) -> Page:
        number = int(cursor or 1)
        found = await self._named.read(named, number)
        return Page(found, str(number + 1) if number < named.parts else None)

    async def _of_manifest(self, manifest: ObjectRef, cursor: str | None) -> Page:
        start = int(cursor or 0)
        text = (await self._storage.get(manifest, max_bytes=_MANIFEST_BYTES)).data.decode("utf-8-sig", "replace")
        found: list[Found] = []
        for number, one in enumerate(_rows(text)):
            if number < start:
                continue
            if len(found) == _PAGE_ITEMS:
                return Page(tuple(found), str(number))
            if one.source is not None and one.source.bucket not in self._storage.buckets:
                raise StorageError(
                    f"row {number + 1} of the manifest names {one.source.bucket!r}, which is no configured bucket",
                    code="invalid_manifest",
                    transient=False,
                )
            found.append(one)
        return Page(tuple(found), None)


def _rows(text: str) -> Iterator[Found]:
    for row in csv.reader(io.StringIO(text, newline="")):
        if row:
            yield picture_in(row)


def _judged(found: Found) -> Found:
    """By its key, unless somebody has named it: then its bytes decide."""
    if found.source is None or found.name is not None or may_be_picture(found.source.key):
        return found
    return replace(found, skip=SkipReason.NOT_A_PICTURE)


def _within(found: Sequence[Found], cursor: str | None, room: int | None) -> Page:
    """The page up to the last picture that there is room for; nothing follows that."""
    if room is None:
        return Page(tuple(found), cursor)
    kept: list[Found] = []
    for one in found:
        if one.skip is None and room == 0:
            return Page(tuple(kept), None)
        room -= one.skip is None
        kept.append(one)
    return Page(tuple(kept), cursor if room else None)
