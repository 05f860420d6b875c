"""The calls that the service makes for every job, every picture and every look at the metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import timedelta

from service.domain.batches import Found, ItemEnding, ItemStatus, Stage, Staging
from service.domain.deliveries import Delivery
from service.domain.jobs import Job, JobError, JobStatus
from service.domain.work import Work, WorkKind
from service.ports.batches import GroupQuery, Place
from service.ports.ledger import IdempotencyKey, JobQuery
from tests.contract.batch_suite import BatchHome, narrowed
from tests.contract.ledger_suite import NOW, LedgerHome, a_job, a_try, an_attempt, an_ending

Calls = Sequence[Awaitable[object]]


async def job_calls(home: LedgerHome, job: Job, delivery: Delivery) -> Calls:
    """What concerns single jobs; `job` has ended, and `delivery` is its message."""
    running, ending = await home.begun(), await home.begun()
    work = Work(kind=WorkKind.JOB, ref=job.id, due_at=NOW)
    ledger, store = home.ledger, home.store
    return (
        ledger.accept(a_job(), idempotency=IdempotencyKey("k", "f")),
        ledger.find_accepted("acme", "k", now=NOW),
        ledger.unfinished_count("acme"),
        ledger.begin(job.id, now=NOW),
        ledger.begin_attempt(running, an_attempt()),
        ledger.finish(ending, an_ending(), None),
        ledger.job("acme", job.id),
        ledger.jobs(JobQuery(tenant="acme", cursor="job_z")),
        ledger.jobs(JobQuery(tenant="acme", status=JobStatus.FAILED)),
        ledger.queue_position(job.id),
        ledger.events(job.id, after=1, limit=10),
        ledger.record_delivery(delivery, a_try(), state=delivery.state, next_attempt_at=NOW),
        ledger.expired(now=NOW + timedelta(days=9), limit=10),
        ledger.prune(before=NOW, limit=10),
        ledger.oldest_pending_delivery(),
        store.due(WorkKind.JOB, NOW, 10),
        store.next_due_at(WorkKind.JOB, NOW),
        store.postpone(work, NOW),
        store.done(work),
    )


async def batch_calls(at: BatchHome) -> tuple[Job, Calls]:
    """What concerns the pictures of the batch that is returned."""
    job = await at.begun(batch={"staging": Staging(main_first=True)})
    first = Found(url="https://a.example/1", group="a", name="1", stage=Stage.MAIN)
    second = replace(first, stage=Stage.SECONDARY)
    await at.listed(job, first, second, cursor="2")
    item = (await at.batches.take_items(job.id, 0, after=None, limit=1, now=NOW)).items[0]
    ending = ItemEnding(status=ItemStatus.FAILED, finished_at=NOW, error=JobError(code="x", message="x"))
    return job, (
        at.listed(job, second, cursor="3"),
        at.batches.take_items(job.id, 0, after=Place(NOW, 1), limit=1, now=NOW),
        at.batches.finish_item(narrowed(job, item), ending),
        at.items(job, after=1, limit=10),
        at.items(job, group="a", after=1, limit=10),
        at.batches.groups(GroupQuery(job_id=job.id, after="A")),
        at.batches.cancel_items(job, limit=1, now=NOW),
        at.batches.cancel_items(job, limit=1, now=NOW),
    )
