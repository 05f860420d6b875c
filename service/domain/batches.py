"""A batch: one job over many pictures, and its items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from service.domain.jobs import Attempt, JobError, Output
from service.domain.objects import ObjectRef


class ItemStatus(StrEnum):
    """The states of an item; all but `pending` are final."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FALLBACK = "fallback"  # made locally and labelled, because the provider could not
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELED = "canceled"


class SkipReason(StrEnum):
    """Why an object was passed over."""

    NOT_A_PICTURE = "not_a_picture"
    EXISTS = "exists"  # an earlier batch made the same of it
    BUDGET = "budget"  # the cost limit was reached


class Stage(StrEnum):
    """What a picture is to its group, which is the pictures of one product."""

    MAIN = "main"  # the first that was named; a picture of no group is one, too
    SECONDARY = "secondary"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemList:
    """The pictures that a request named itself, kept as numbered objects of some thousand each.

    Attributes:
        prefix: What the keys of all of them begin with.
        parts: How many objects there are, numbered from 1.
        count: How many pictures they name in all.
    """

    bucket: str
    prefix: str
    parts: int
    count: int

    def part(self, number: int) -> ObjectRef:
        """Where one of the objects is."""
        return ObjectRef(self.bucket, f"{self.prefix}{number:05d}.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which objects a batch works on.

    Attributes:
        include: Globs of which a key must match one; empty means every key.
        exclude: Globs of which a key must match none.
        max_items: At most so many pictures; None without a limit.
        earlier_job_id: An earlier batch whose items with the status `earlier_status` are listed, not the bucket.
        manifest: A CSV object with bucket and key in its first columns that is listed, not the bucket.
        named: What the request named itself and is listed, not the bucket.
        skip_existing: Whether what an earlier batch made of the same source in the same way is passed over.
    """

    bucket: str
    prefix: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_items: int | None = None
    earlier_job_id: str | None = None
    earlier_status: ItemStatus | None = None
    manifest: ObjectRef | None = None
    named: ItemList | None = None
    skip_existing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Staging:
    """How the main picture of a group and its secondary ones are told apart.

    Attributes:
        main_first: Whether secondary pictures wait for the end, whichever, of their group's main picture.
        secondary_prompt: What to do with secondary pictures; None is the same as with the main one.
    """

    main_first: bool = False
    secondary_prompt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a job has beside the usual when it is a batch. Its results are under the job's `target`.

    Attributes:
        output_prefix: As the caller named it; the target's key is this with the job's id.
        likeness: Digest of what is done and where to; equal for batches that make the same of the same source.
        concurrency: Items in work at a time, over all streams.
        streams: Pieces of work that share the items: an item belongs to the stream `number % streams`.
        max_cost_usd: Nothing more is paid once this is reached.
        item_cost_usd: What one picture is expected to cost; None where no price is known.
        item_seconds: How long one picture is expected to take.
        dry_run: Objects are counted only.
        staging: None where stages make no difference.
        cursor: Where the listing goes on; None at its start.
        listed_at: When the listing came to its end.
        items: Items recorded so far; `settled` of them are final.
        pictures: Objects found so far that seem to be pictures, with `picture_bytes` in all.
    """

    job_id: str
    selection: Selection
    output_prefix: str
    likeness: str
    concurrency: int
    streams: int
    max_cost_usd: float | None = None
    item_cost_usd: float | None = None
    item_seconds: float = 0.0
    dry_run: bool = False
    staging: Staging | None = None
    cursor: str | None = None
    listed_at: datetime | None = None
    paused_at: datetime | None = None
    items: int = 0
    settled: int = 0
    pictures: int = 0
    picture_bytes: int = 0

    @property
    def done(self) -> bool:
        """Whether everything is listed and every item is final."""
        return self.listed_at is not None and self.settled == self.items

    @property
    def room(self) -> int | None:
        """How many more pictures may be listed; None without a limit."""
        most = self.selection.max_items
        return None if most is None else max(0, most - self.pictures)

    def stream_refs(self) -> tuple[str, ...]:
        """What the work on each stream is called."""
        return tuple(stream_ref(self.job_id, stream) for stream in range(self.streams))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One picture that a listing brought, an object or a URL; `skip` says why it is passed over at once.

    Attributes:
        group: The product that it belongs to, where the caller named one.
        name: What its output is named after; None for an object that keeps its path.
    """

    source: ObjectRef | None = None
    url: str | None = None
    byte_count: int = 0
    etag: str | None = None
    skip: SkipReason | None = None
    group: str | None = None
    name: str | None = None
    stage: Stage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One picture of a batch.

    Attributes:
        number: From 1, in the order of the listing.
        source: The object that goes in; None for a picture that is downloaded from `url`.
        waits_for: The number of the item that must be final before this one is begun; None once it is.
        target: Where the output goes; None for what was passed over at once.
        run: How often a worker took the item; its writes carry the number, as with jobs.
        due_at: Not to be worked on before this moment.
    """

    job_id: str
    number: int
    source: ObjectRef | None
    target: ObjectRef | None
    status: ItemStatus
    due_at: datetime
    url: str | None = None
    group: str | None = None
    name: str | None = None
    stage: Stage | None = None
    waits_for: int | None = None
    byte_count: int = 0
    etag: str | None = None
    skip_reason: SkipReason | None = None
    run: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    output: Output | None = None
    error: JobError | None = None
    warnings: tuple[str, ...] = ()
    cost_usd: float | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def title(self) -> str:
        """What its caller knows it by: group and name, or the key."""
        if self.name is None and self.source is not None:
            return self.source.key
        return "/".join(part for part in (self.group, self.name) if part is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """How far the pictures of one product are.

    Attributes:
        main: The state of the main picture; None where the batch has it not.
        counts: How many pictures have each state.
    """

    name: str
    main: ItemStatus | None
    counts: Mapping[ItemStatus, int]

    @property
    def finished(self) -> bool:
        """Whether all of them are final."""
        return not self.counts.get(ItemStatus.PENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemEnding:
    """Everything that becomes true at the moment an item is final; `attempt` as in `service.domain.jobs.Ending`."""

    status: ItemStatus
    finished_at: datetime
    skip_reason: SkipReason | None = None
    output: Output | None = None
    error: JobError | None = None
    warnings: tuple[str, ...] = ()
    cost_usd: float | None = None
    usage: Mapping[str, Any] | None = None
    attempt: Attempt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a batch would be. `complete` is False when there are more objects than were counted.

    Attributes:
        skipped: Objects that would be passed over.
        cost_usd: None where no price is known.
    """

    pictures: int
    byte_count: int
    skipped: int
    cost_usd: float | None
    seconds: float
    complete: bool = True


def stream_ref(job_id: str, stream: int) -> str:
    """What the work on one stream of a batch is called."""
    return f"{job_id}/{stream}"


def estimated(batch: Batch, *, skipped: int, complete: bool = True) -> Estimate:
    """What is expected of a batch by what was found so far."""
    rounds = -(-batch.pictures // batch.concurrency)
    return Estimate(
        pictures=batch.pictures,
        byte_count=batch.picture_bytes,
        skipped=skipped,
        cost_usd=None if batch.item_cost_usd is None else round(batch.pictures * batch.item_cost_usd, 6),
        seconds=rounds * batch.item_seconds,
        complete=complete,
    )
