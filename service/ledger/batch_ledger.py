"""The ledger of batches: each method one transaction and one fact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from service.domain.batches import Batch, Found, Group, Item, ItemEnding
from service.domain.jobs import Job
from service.domain.work import Work
from service.ledger import accepting, batches, groups, items, listing, taking
from service.ledger.accepting import Acceptance
from service.ledger.database import Database
from service.ledger.facts import Fact, Facts
from service.ledger.feed import Feed
from service.ports.batches import GroupQuery, ItemQuery, Place, Taken
from service.ports.engine import WorkQueue
from service.ports.ledger import Accepted, IdempotencyKey


class SqlBatchLedger:
    """`BatchLedger` in the SQL database of a `SqlLedger`, whose queue and feed it shares."""

    def __init__(self, database: Database, *, queue: WorkQueue, feed: Feed) -> None:
        self._facts = Facts(database, queue=queue, feed=feed)

    async def accept_batch(self, job: Job, batch: Batch, *, idempotency: IdempotencyKey | None = None) -> Accepted:
        """Record a batch with its job, first event, idempotency key and the work on it."""

        def body(connection: Connection) -> Fact[Accepted]:
            (accepted,) = accepting.record(connection, [Acceptance(job, idempotency)])
            if accepted.replayed:
                return Fact(accepted)
            batches.record(connection, batch)
            work = batches.job_work(job.id, job.created_at)
            return Fact(accepted, self._facts.deferred(connection, work), job.id)

        return await self._facts.write(body)

    async def batch(self, tenant: str | None, job_id: str) -> Batch | None:
        """One batch."""
        return await self._facts.read(batches.find, tenant, job_id)

    async def existing(self, likeness: str, found: Sequence[Found]) -> frozenset[str]:
        """The keys of which an earlier batch of that likeness made a result."""
        return await self._facts.read(listing.existing, likeness, found)

    async def add_items(
        self, job: Job, found: Sequence[Found], *, cursor: str | None, listed: bool, extension: str, now: datetime
    ) -> Batch:
        """Record a page of a listing, where it goes on, and the work on the streams."""
        page = listing.Page(found=found, cursor=cursor, listed=listed, extension=extension)

        def body(connection: Connection) -> Fact[Batch]:
            batch, work = listing.add(connection, job, page, now)
            return Fact(batch, self._facts.deferred(connection, *work), job.id)

        return await self._facts.write(body)

    async def take_items(
        self, job_id: str, stream: int, *, after: Place | None, limit: int, now: datetime, work: Work | None = None
    ) -> Taken:
        """Take the next due items of a stream; what the budget does not allow is skipped."""

        def body(connection: Connection) -> Fact[Taken]:
            taken, follows = taking.take(connection, job_id, stream, after, limit, now)
            self._facts.check_held(connection, work)
            return Fact(taken, self._facts.deferred(connection, *follows))

        return await self._facts.write(body)

    async def finish_item(self, job: Job, ending: ItemEnding) -> bool:
        """Record the final state of an item, and the work on the batch's end if it was the last."""

        def body(connection: Connection) -> Fact[bool]:
            ended, work = items.finish(connection, job, ending)
            return Fact(ended, self._facts.deferred(connection, *work), job.id)

        return await self._facts.write(body)

    async def postpone_item(self, job: Job, due_at: datetime) -> None:
        """Leave an item for a later moment."""
        await self._facts.change(items.postpone, job, due_at)

    async def cancel_items(self, job: Job, *, limit: int, now: datetime) -> int:
        """End a portion of the pending items; returns how many."""
        return await self._facts.change(items.cancel, job, limit, now)

    async def items(self, query: ItemQuery) -> Sequence[Item]:
        """A page of items with their attempts."""
        return await self._facts.read(items.page, query)

    async def groups(self, query: GroupQuery) -> Sequence[Group]:
        """A page of groups as they stand."""
        return await self._facts.read(groups.page, query)

    async def pause(self, tenant: str, job_id: str, *, now: datetime) -> Batch | None:
        """Begin nothing more until it is resumed."""
        return await self._facts.change(batches.pause, tenant, job_id, now)

    async def resume(self, tenant: str, job_id: str, *, now: datetime) -> Batch | None:
        """Go on with a paused batch."""

        def body(connection: Connection) -> Fact[Batch | None]:
            batch, work = batches.resume(connection, tenant, job_id, now)
            return Fact(batch, self._facts.deferred(connection, *work))

        return await self._facts.write(body)

    async def wake(self, job_id: str, *, now: datetime) -> None:
        """Queue the work on a batch as a whole."""
        work = batches.job_work(job_id, now)
        await self._facts.write(lambda connection: Fact(None, self._facts.deferred(connection, work)))
