"""The seam to the database of batches and their items.

As with jobs, one method is one transaction and one fact, writing methods return when the fact is durable, and all may
raise `LedgerUnavailableError`. A worker's writes about an item carry the `run` under which it took the item: they are
made with the job narrowed to it (`Job.item`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from service.domain.batches import Batch, Found, Group, Item, ItemEnding, ItemStatus
from service.domain.jobs import Job
from service.domain.work import Work
from service.ports.ledger import Accepted, IdempotencyKey


@dataclass(frozen=True, slots=True)
class Place:
    """How far a stream has taken its items: they are taken in the order of their moment and number."""

    due_at: datetime
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Items that a stream may work on now.

    Attributes:
        job: The batch's job as it stands; None when nothing is to be done: it ended, is paused or to be canceled.
        place: To be given with the next question.
        waits_for_budget: Items were left because what is in work may still use the budget up.
        next_due_at: When the stream's next item is due, where none was taken.
    """

    job: Job | None
    items: tuple[Item, ...] = ()
    place: Place | None = None
    waits_for_budget: bool = False
    next_due_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemQuery:
    """Which items of a batch to read, by number upwards."""

    job_id: str
    status: ItemStatus | None = None
    group: str | None = None
    after: int = 0
    limit: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupQuery:
    """Which groups of a batch to read, in the order of their names; `after` is the last name of the page before."""

    job_id: str
    after: str | None = None
    limit: int = 100


class BatchLedger(Protocol):
    """Keeps batches."""

    async def accept_batch(self, job: Job, batch: Batch, *, idempotency: IdempotencyKey | None = None) -> Accepted:
        """Record a batch with its job, first event, idempotency key and the work on it."""
        ...

    async def batch(self, tenant: str | None, job_id: str) -> Batch | None:
        """One batch; None when there is none of that id, or it belongs to another tenant."""
        ...

    async def existing(self, likeness: str, found: Sequence[Found]) -> frozenset[str]:
        """The keys, out of some found in one bucket, of which an earlier batch of that likeness made a result.

        Only results of a provider for the very same version of the source (its ETag) count.
        """
        ...

    async def add_items(
        self, job: Job, found: Sequence[Found], *, cursor: str | None, listed: bool, extension: str, now: datetime
    ) -> Batch:
        """Record a page of a listing, where it goes on, and the work on the streams; a dry run keeps the counts alone.

        Where the batch says so, a secondary picture waits for the main one of its group, listed now or before, unless
        that is final already.

        Args:
            extension: Of the outputs; their keys are settled here, each once in the batch.

        Raises:
            LeaseLostError: another worker has taken the job.
        """
        ...

    async def take_items(
        self, job_id: str, stream: int, *, after: Place | None, limit: int, now: datetime, work: Work | None = None
    ) -> Taken:
        """Take the next due items of a stream, raising their `run`; what the budget does not allow is skipped.

        Args:
            work: What a worker was given; without it nobody is asked whether the worker still has it.

        Raises:
            LeaseLostError: it has not; the stream is another's now.
        """
        ...

    async def finish_item(self, job: Job, ending: ItemEnding) -> bool:
        """Record the final state of an item, the batch's counts and cost, and the work on its end if it was the last.

        Items that waited for it are due from then on.

        False when the item was final already.

        Raises:
            LeaseLostError: another worker has taken the item.
        """
        ...

    async def postpone_item(self, job: Job, due_at: datetime) -> None:
        """Leave an item for a later moment.

        Raises:
            LeaseLostError: another worker has taken the item.
        """
        ...

    async def cancel_items(self, job: Job, *, limit: int, now: datetime) -> int:
        """End a portion of the pending items of a batch that is to be canceled; returns how many.

        Raises:
            LeaseLostError: another worker has taken the job.
        """
        ...

    async def items(self, query: ItemQuery) -> Sequence[Item]:
        """A page of items with their attempts."""
        ...

    async def groups(self, query: GroupQuery) -> Sequence[Group]:
        """A page of groups as they stand."""
        ...

    async def pause(self, tenant: str, job_id: str, *, now: datetime) -> Batch | None:
        """Begin nothing more of an unfinished batch until it is resumed."""
        ...

    async def resume(self, tenant: str, job_id: str, *, now: datetime) -> Batch | None:
        """Go on with a paused batch."""
        ...

    async def wake(self, job_id: str, *, now: datetime) -> None:
        """Queue the work on a batch's job, for example because it is to be canceled."""
        ...
