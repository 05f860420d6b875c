"""Working off a batch: each stream keeps its share of pictures in work, one begun as soon as another is done."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import structlog

from service.domain.batches import Batch, Item, ItemEnding, ItemStatus, SkipReason, Stage, Staging
from service.domain.jobs import Job, JobError, OutputSource, Source
from service.domain.pictures import PictureFault
from service.domain.work import Again, Work
from service.ports.batches import BatchLedger, Place
from service.ports.clock import Clock
from service.ports.ledger import LeaseLostError, LedgerUnavailableError
from service.usecases.edit import EditPicture
from service.usecases.outputs import Kept

_log = structlog.get_logger()
_LOOK_AGAIN_SECONDS = 1.0  # for items that were listed, or became due, while others are in work
_MOST_FAULTS = 3  # runs of one item that may end in an error nobody foresaw
_AFTER_FAULT = timedelta(seconds=5)


class WorkOff:
    """The handler of one stream of a batch.

    Args:
        edit: Edits one picture, the same way as that of a single job.
        leave: Whether the stream shall make room: the process stops, or other streams wait for their turn. What is in
            work is finished first.
    """

    def __init__(
        self, *, batches: BatchLedger, edit: EditPicture, clock: Clock, leave: Callable[[timedelta], bool]
    ) -> None:
        self._batches = batches
        self._edit = edit
        self._clock = clock
        self._leave = leave

    async def __call__(self, work: Work) -> Again | None:
        """Work until nothing is left to do now, or others want the place."""
        job_id, _, stream = work.ref.rpartition("/")
        batch = await self._batches.batch(None, job_id)
        if batch is None:
            return None
        with structlog.contextvars.bound_contextvars(job_id=job_id):
            return await _Stream(
                batch, int(stream), work, batches=self._batches, edit=self._edit, clock=self._clock, leave=self._leave
            ).run()


class _Stream:
    """One call of the handler."""

    def __init__(
        self,
        batch: Batch,
        number: int,
        work: Work,
        *,
        batches: BatchLedger,
        edit: EditPicture,
        clock: Clock,
        leave: Callable[[timedelta], bool],
    ) -> None:
        self._work = work
        self._job_id = batch.job_id
        self._staging = batch.staging or Staging()
        self._number = number
        self._share = batch.concurrency // batch.streams + (number < batch.concurrency % batch.streams)
        self._batches = batches
        self._edit = edit
        self._clock = clock
        self._leave = leave
        self._began_at = clock.now()
        self._taken: deque[tuple[Job, Item]] = deque()
        self._in_work: set[asyncio.Task[None]] = set()
        self._place: Place | None = None
        self._again: Again | None = None

    async def run(self) -> Again | None:
        """Work. Without the database, or where another has the stream, it ends once what is in work is done.

        So no paid call is left. What is begun of what was taken before is held against the stream then.
        """
        failed: BaseException | None = None
        try:
            while True:
                leaving = self._leave(self._clock.now() - self._began_at)
                if not leaving and failed is None:
                    failed = await self._filled()
                if not self._in_work:
                    break
                done, self._in_work = await asyncio.wait(
                    self._in_work, timeout=_LOOK_AGAIN_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                failed = next(filter(None, (task.exception() for task in done)), failed)
        finally:
            await self._abandon()
        if isinstance(failed, LeaseLostError):
            _log.warning("another worker has taken the stream", stream=self._number)
            return None
        if failed is not None:
            raise failed
        return Again(self._clock.now()) if leaving else self._again

    async def _filled(self) -> LedgerUnavailableError | LeaseLostError | None:
        try:
            await self._fill()
        except (LedgerUnavailableError, LeaseLostError) as error:
            return error
        return None

    async def _fill(self) -> None:
        """Begin items as long as there is room for them."""
        while len(self._in_work) < self._share:
            if not self._taken and not await self._take():
                return
            job, item = self._taken.popleft()
            self._in_work.add(asyncio.create_task(self._work_on(job, item)))

    async def _take(self) -> bool:
        """Take the next items; False when there are none now, then `_again` says when to come again."""
        if not self._in_work:
            self._place = None  # nothing is in work, so whatever is pending may be taken
        while True:
            now = self._clock.now()
            taken = await self._batches.take_items(
                self._job_id, self._number, after=self._place, limit=self._share, now=now, work=self._work
            )
            if taken.waits_for_budget:
                self._again = Again(now + timedelta(seconds=_LOOK_AGAIN_SECONDS))
                return False
            self._again = None if taken.next_due_at is None else Again(taken.next_due_at)
            if taken.job is None or taken.place is None:
                return False
            self._place = taken.place
            if taken.items:
                self._taken.extend((taken.job, item) for item in taken.items)
                return True
            # What was there is skipped; there may be more behind it.

    async def _work_on(self, job: Job, item: Item) -> None:
        narrowed = replace(_narrowed(job, item, self._staging), work=self._work)
        with structlog.contextvars.bound_contextvars(item=item.number):
            try:
                result = await self._edited(narrowed)
                if isinstance(result, Again):
                    await self._batches.postpone_item(narrowed, result.due_at)
                else:
                    await self._batches.finish_item(narrowed, _ending(item, result, self._clock))
            except LeaseLostError:
                _log.warning("another worker has taken the item")

    async def _edited(self, job: Job) -> Kept | Again | JobError:
        try:
            return await self._edit(job)
        except (LeaseLostError, LedgerUnavailableError):
            raise
        except Exception:  # noqa: BLE001 - one item must not stop the others
            _log.exception("item failed", run=job.run)
            if job.run < _MOST_FAULTS:
                return Again(self._clock.now() + _AFTER_FAULT)
            return JobError(code="internal_error", message="something went wrong here; it was logged")

    async def _abandon(self) -> None:
        for task in self._in_work:
            task.cancel()
        await asyncio.gather(*self._in_work, return_exceptions=True)


def _narrowed(job: Job, item: Item, staging: Staging) -> Job:
    """The job as if it were about this one picture."""
    assert item.target is not None  # noqa: S101 - only what was passed over has none
    secondary = staging.secondary_prompt if item.stage is Stage.SECONDARY else None
    return replace(
        job,
        item=item.number,
        prompt=secondary or job.prompt,
        source=Source(object=item.source, url=item.url, byte_count=item.byte_count),
        target=item.target,
        run=item.run,
        started_at=item.started_at,
        attempts=item.attempts,
        warnings=(),
    )


def _ending(item: Item, result: Kept | JobError, clock: Clock) -> ItemEnding:
    now = clock.now()
    if isinstance(result, JobError):
        if result.code == PictureFault.NOT_A_PICTURE and item.name is None:  # what was named is missed
            reason = SkipReason.NOT_A_PICTURE
            return ItemEnding(status=ItemStatus.SKIPPED, finished_at=now, skip_reason=reason, error=result)
        return ItemEnding(status=ItemStatus.FAILED, finished_at=now, error=result)
    fell_back = result.output.source is OutputSource.FALLBACK
    return ItemEnding(
        status=ItemStatus.FALLBACK if fell_back else ItemStatus.SUCCEEDED,
        finished_at=now,
        output=result.output,
        warnings=result.warnings,
        cost_usd=result.cost_usd,
        usage=result.usage,
        attempt=result.attempt,
    )
