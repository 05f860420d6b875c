"""Statements about what a batch's listing brings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection, insert, select, text, update

from service.domain.batches import Batch, Found, ItemStatus, SkipReason
from service.domain.jobs import Job
from service.domain.keys import item_keys, named_item_keys
from service.domain.work import Work
from service.ledger.batch_rows import found_values
from service.ledger.batch_schema import batches, items
from service.ledger.batches import Change, count, find, stream_work
from service.ledger.running import held
from service.ledger.waiting import waiting
from service.ports.ledger import LeaseLostError

_SUCCEEDED = text("items.status = 'succeeded'")  # literally, so that the partial index serves it
_AT_ONCE = 500  # values in one statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one step of a listing brought; see `BatchLedger.add_items`."""

    found: Sequence[Found]
    cursor: str | None
    listed: bool
    extension: str


def existing(connection: Connection, likeness: str, found: Sequence[Found]) -> frozenset[str]:
    """The keys of which a batch of that likeness made a result from the same version."""
    versions = {(one.source.bucket, one.source.key): one.etag for one in found if one.source and one.etag is not None}
    query = (
        select(items.c.source_bucket, items.c.source_key, items.c.etag)
        .join(batches, batches.c.job_id == items.c.job_id)
        .where(_SUCCEEDED, batches.c.likeness == likeness)
    )
    return frozenset(
        row.source_key
        for keys in _portions(key for _, key in versions)
        for row in connection.execute(query.where(items.c.source_key.in_(keys)))
        if versions.get((row.source_bucket, row.source_key)) == row.etag
    )


def add(connection: Connection, job: Job, page: Page, now: datetime) -> tuple[Batch, tuple[Work, ...]]:
    """Record a page; returns the batch as it stands then, and the work that follows."""
    if held(connection, job).finished_at is not None:
        raise LeaseLostError(f"{job.id} has ended")
    batch = find(connection, None, job.id)
    assert batch is not None  # noqa: S101 - the job is held and its batch goes with it
    wanted = [one for one in page.found if one.skip is None]
    skipped = len(page.found) - len(wanted)
    if page.found and not batch.dry_run:
        _insert(connection, job, batch, page, now)
    connection.execute(
        update(batches)
        .where(batches.c.job_id == job.id)
        .values(
            {
                "cursor": page.cursor,
                "listed_at": now if page.listed else None,
                "items": batch.items + (0 if batch.dry_run else len(page.found)),
                "pictures": batch.pictures + len(wanted),
                "picture_bytes": batch.picture_bytes + sum(one.byte_count for one in wanted),
            }
        )
    )
    total = sum(one.skip is not SkipReason.NOT_A_PICTURE for one in page.found)
    settled = 0 if batch.dry_run else skipped
    done = count(
        connection, job.id, Change(ended=Counter({ItemStatus.SKIPPED: skipped}), settled=settled, total=total), now
    )
    after = find(connection, None, job.id)
    assert after is not None  # noqa: S101 - read above
    streams = stream_work(after, now) if wanted and not batch.dry_run else ()
    return after, (*done, *streams)


def _insert(connection: Connection, job: Job, batch: Batch, page: Page, now: datetime) -> None:
    targets = _targets(connection, job, page, batch.items + 1)
    waits = waiting(connection, batch, page.found)
    rows = [
        found_values(one)
        | {
            "job_id": job.id,
            "number": number,
            "stream": number % batch.streams,
            "target_key": target,
            "waits_for": waits_for,
            "due_at": now,
            "finished_at": None if one.skip is None else now,
        }
        for number, (one, target, waits_for) in enumerate(
            zip(page.found, targets, waits, strict=True), start=batch.items + 1
        )
    ]
    connection.execute(insert(items), rows)


def _targets(connection: Connection, job: Job, page: Page, start: int) -> Iterator[str | None]:
    """An output key for each picture that no other item of the batch has; in the order of the listing."""
    candidates = [
        None if one.skip is not None else _keys(job, one, number, page.extension)
        for number, one in enumerate(page.found, start)
    ]
    first = [None if keys is None else next(keys) for keys in candidates]
    taken = _taken(connection, job.id, (key for key in first if key is not None))
    for key, others in zip(first, candidates, strict=True):
        while key is not None and key in taken:
            assert others is not None  # noqa: S101 - there is a first
            key = next(others)  # noqa: PLW2901 - the next candidate in its place
            taken |= _taken(connection, job.id, [key])
        if key is not None:
            taken.add(key)
        yield key


def _keys(job: Job, one: Found, number: int, extension: str) -> Iterator[str]:
    if one.source is not None and one.name is None:
        return item_keys(job.target.key, one.source.key, extension)
    return named_item_keys(job.target.key, one.group, one.name or str(number), number, extension)


def _taken(connection: Connection, job_id: str, keys: Iterable[str]) -> set[str]:
    query = select(items.c.target_key).where(items.c.job_id == job_id)
    return {
        key
        for portion in _portions(keys)
        for key in connection.scalars(query.where(items.c.target_key.in_(portion)))
        if key is not None
    }


def _portions(values: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(values)
    while portion := list(islice(rest, _AT_ONCE)):
        yield portion
