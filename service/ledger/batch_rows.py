"""Between batches with their items and the rows of their tables."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sqlalchemy import Row

from service.domain.batches import Batch, Found, Item, ItemEnding, ItemStatus
from service.domain.jobs import Attempt
from service.domain.objects import ObjectRef

_BATCH = tuple(field.name for field in fields(Batch))
_ITEM = tuple(field.name for field in fields(Item) if field.name not in {"source", "url", "target", "attempts"})
_ENDING = tuple(field.name for field in fields(ItemEnding) if field.name not in {"usage", "attempt"})


def batch_values(batch: Batch) -> dict[str, Any]:
    """A batch as a row of `batches`."""
    return {name: getattr(batch, name) for name in _BATCH}


def batch_of(row: Row[Any]) -> Batch:
    """The batch in a row of `batches`."""
    return Batch(**{name: row._mapping[name] for name in _BATCH})  # noqa: SLF001 - public, despite its name


def found_values(found: Found) -> dict[str, Any]:
    """What a listing brought, as the part of a row of `items` that it settles."""
    return {
        "source_bucket": None if found.source is None else found.source.bucket,
        "source_key": None if found.source is None else found.source.key,
        "source_url": found.url,
        "group": found.group,
        "name": found.name,
        "stage": found.stage,
        "byte_count": found.byte_count,
        "etag": found.etag,
        "status": ItemStatus.PENDING if found.skip is None else ItemStatus.SKIPPED,
        "skip_reason": found.skip,
        "run": 0,
        "warnings": (),
        "reserved_usd": 0.0,
    }


def item_of(row: Row[Any], output_bucket: str, attempts: tuple[Attempt, ...] = ()) -> Item:
    """The item in a row of `items`."""
    return Item(
        **{name: row._mapping[name] for name in _ITEM},  # noqa: SLF001 - public, despite its name
        source=None if row.source_key is None else ObjectRef(row.source_bucket, row.source_key),
        url=row.source_url,
        target=None if row.target_key is None else ObjectRef(output_bucket, row.target_key),
        attempts=attempts,
    )


def item_ending_values(ending: ItemEnding) -> dict[str, Any]:
    """What an ending changes in a row of `items`."""
    return {name: getattr(ending, name) for name in _ENDING} | {"reserved_usd": 0.0}
