"""What stands behind the routes in their tests: the real reading and replaying over an in-memory ledger.

The other use cases are functions of the same signatures that note what they were asked. The whole chain over real
storage and a real database is what the integration tests go through.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from service.api.services import BatchServices, Services, StorageDescription
from service.domain.batches import Batch, Estimate, Group, Item, ItemStatus
from service.domain.deliveries import Body, Delivery, DeliveryAttempt, DeliveryState
from service.domain.events import Event
from service.domain.identifiers import new_delivery_id, new_job_id
from service.domain.jobs import Job, JobStatus, Output, OutputSource
from service.domain.objects import ObjectRef
from service.domain.pictures import PictureFormat
from service.domain.refusals import RefusalCode, RefusedError
from service.ports.batches import GroupQuery, ItemQuery
from service.ports.imaging import SourceLimits
from service.ports.ledger import Accepted, IdempotencyKey, JobQuery
from service.ports.provider import Capabilities
from service.usecases.follow import FollowJob
from service.usecases.health import Finding
from service.usecases.read import JobView, ReadJobs
from service.usecases.replays import Replays
from service.usecases.submissions import BatchSubmission, Submission

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class StoppedClock:
    def now(self) -> datetime:
        return NOW


class LinkingStorage:
    """Knows only how to make links."""

    async def link(self, ref: ObjectRef, *, expires_in_seconds: int, filename: str) -> str:
        return f"https://store.example/{ref.bucket}/{ref.key}?expires={expires_in_seconds}&name={filename}"


class MemoryLedger:
    """The reading half of the ledger, over dictionaries."""

    def __init__(self) -> None:
        self.known: dict[str, Job] = {}
        self.batches: dict[str, Batch] = {}
        self.messages: dict[str, list[Delivery]] = {}
        self.happened: dict[str, list[Event]] = {}
        self.keys: dict[tuple[str, str], Accepted] = {}
        self.away: Exception | None = None
        self.added = asyncio.Event()
        self._changed = asyncio.Event()

    def add(self, job: Job, idempotency: IdempotencyKey | None = None) -> Accepted:
        self.known[job.id] = job
        self.added.set()
        if idempotency is not None:
            self.keys[job.tenant, idempotency.key] = Accepted(job.id, True, idempotency.fingerprint)
        return Accepted(job.id, False)

    def change(self, job: Job) -> None:
        self.known[job.id] = job
        self._changed.set()

    async def find_accepted(self, tenant: str, key: str, *, now: datetime) -> Accepted | None:
        return self.keys.get((tenant, key))

    async def job(self, tenant: str | None, job_id: str) -> Job | None:
        if self.away is not None:
            raise self.away
        job = self.known.get(job_id)
        return job if job is not None and tenant in {None, job.tenant} else None

    async def jobs(self, query: JobQuery) -> Sequence[Job]:
        self.query = query
        newest_first = sorted(self.known.values(), key=lambda job: job.id, reverse=True)
        return [
            job
            for job in newest_first
            if job.tenant == query.tenant
            and query.status in {None, job.status}
            and (query.cursor is None or job.id < query.cursor)
        ][: query.limit]

    async def batch(self, tenant: str | None, job_id: str) -> Batch | None:
        return self.batches.get(job_id)

    async def queue_position(self, job_id: str) -> int | None:
        return 4

    async def events(self, job_id: str, *, after: int, limit: int) -> Sequence[Event]:
        return [event for event in self.happened[job_id] if event.sequence > after][:limit]

    async def deliveries(self, tenant: str, job_id: str) -> Sequence[Delivery]:
        return self.messages.get(job_id, [])

    @asynccontextmanager
    async def changes(self, job_id: str) -> AsyncIterator[AsyncIterator[None]]:
        async def each() -> AsyncIterator[None]:
            while True:
                await self._changed.wait()
                self._changed.clear()
                yield

        yield each()


class World:
    """The services behind an application, and what was asked of them."""

    def __init__(self) -> None:
        self.ledger = MemoryLedger()
        self.submissions: list[Submission] = []
        self.batches: list[BatchSubmission] = []
        self.items: list[Item] = []
        self.groups: list[Group] = []
        self.retried: list[tuple[str, ItemStatus]] = []
        self.queries: list[ItemQuery] = []
        self.tested: list[tuple[str, str]] = []
        self.refusal: Exception | None = None
        self.findings = (Finding("database", ok=True), Finding("storage", ok=True))
        self._replays = Replays(ledger=self.ledger, clock=StoppedClock())

    def services(self, **changed: object) -> Services:
        services = Services(
            accept=self._accept,
            accept_batch=self._accept_batch,
            batches=BatchServices(
                estimate=self._estimate,
                items=self._items,
                groups=self._groups,
                report=self._report,
                pause=self._cancel,
                resume=self._cancel,
                retry=self._retry,
            ),
            read=ReadJobs(
                ledger=self.ledger,
                batches=self.ledger,
                storage=LinkingStorage(),
                clock=StoppedClock(),
                link_seconds=900,
            ),
            follow=FollowJob(ledger=self.ledger, batches=self.ledger),
            cancel=self._cancel,
            redeliver=self._redeliver,
            test_callback=self._test_callback,
            ready=self._ready,
            providers=self._providers,
            render_metrics=self._metrics,
            storage=StorageDescription(
                kind="cos",
                endpoint="https://s3.example",
                region="eu-de",
                input_bucket="in",
                output_bucket="out",
                input_prefix="",
                output_prefix="results",
                presign_expires_seconds=900,
            ),
        )
        return replace(services, **changed)

    async def _accept(self, submission: Submission) -> Accepted:
        async with self._replays.guard(submission) as known:
            if known is not None:
                return known
            if self.refusal is not None:
                raise self.refusal
            self.submissions.append(submission)
            return self.ledger.add(_job_of(submission), submission.idempotency)

    async def _estimate(self, submission: BatchSubmission) -> Estimate:
        self.batches.append(submission)
        return Estimate(pictures=3, byte_count=300, skipped=1, cost_usd=0.5, seconds=20.0)

    async def _items(self, tenant: str, query: ItemQuery) -> Sequence[Item]:
        self.queries.append(query)
        return [item for item in self.items if item.number > query.after][: query.limit]

    async def _groups(self, tenant: str, query: GroupQuery) -> Sequence[Group]:
        return [group for group in self.groups if group.name > (query.after or "")][: query.limit]

    async def _retry(self, tenant: str, job_id: str, status: ItemStatus) -> JobView:
        self.retried.append((job_id, status))
        return await self._cancel(tenant, job_id)

    async def _report(self, tenant: str, job_id: str) -> str:
        return f"https://store.example/{tenant}/{job_id}/manifest.json"

    async def _accept_batch(self, submission: BatchSubmission) -> Accepted:
        self.batches.append(submission)
        return self.ledger.add(_batch_job_of(submission), submission.idempotency)

    async def _cancel(self, tenant: str, job_id: str) -> JobView:
        job = await self.ledger.job(tenant, job_id)
        if job is None:
            raise RefusedError(RefusalCode.NOT_FOUND, "no such job")
        if job.finished:
            raise RefusedError(RefusalCode.ALREADY_FINISHED, "the job had already succeeded")
        if job.status is JobStatus.QUEUED:
            self.ledger.add(replace(job, status=JobStatus.CANCELED))
        return JobView(job=self.ledger.known[job_id])

    async def _redeliver(self, tenant: str, delivery_id: str) -> Delivery:
        for messages in self.ledger.messages.values():
            for message in messages:
                if (message.id, message.tenant) == (delivery_id, tenant):
                    return replace(message, state=DeliveryState.PENDING, next_attempt_at=NOW)
        raise RefusedError(RefusalCode.NOT_FOUND, "no such delivery")

    async def _test_callback(self, tenant: str, url: str) -> Delivery:
        if self.refusal is not None:
            raise self.refusal
        self.tested.append((tenant, url))
        return delivery(url=url, job_id="test")

    async def _providers(self) -> Sequence[tuple[str, Capabilities, Mapping[str, Any]]]:
        return [("local", LOCAL, {"circuit": "closed"})]

    async def _ready(self) -> Sequence[Finding]:
        return self.findings

    async def _metrics(self) -> bytes:
        return b"afterimage_jobs_total 1\n"


LOCAL = Capabilities(
    operations=frozenset({"edit"}),
    models=(),
    parameters={"edit": frozenset({"size", "output_format"})},
    formats=frozenset({"png", "jpeg"}),
    sources=SourceLimits(formats=frozenset(PictureFormat), max_bytes=2**20),
    paid=False,
)

OUTPUT = Output(
    object=ObjectRef("out", "results/cat_modified.png"),
    mime_type="image/png",
    byte_count=1234,
    width=640,
    height=480,
    sha256="ab" * 32,
    source=OutputSource.PROVIDER,
    provider="openai",
    model="gpt-image-2",
)


def _job_of(submission: Submission) -> Job:
    return Job(
        id=new_job_id(),
        tenant=submission.tenant,
        contract=submission.contract,
        operation=submission.operation,
        prompt=submission.prompt,
        source=None,
        target=ObjectRef("out", "results"),
        created_at=NOW,
        callback_url=submission.callback_url,
        metadata=submission.metadata,
    )


def _batch_job_of(submission: BatchSubmission) -> Job:
    return Job(
        id=new_job_id(),
        tenant=submission.tenant,
        contract=submission.contract,
        operation="edit",
        prompt=submission.prompt,
        source=None,
        target=ObjectRef("out", "results"),
        created_at=NOW,
        metadata=submission.metadata,
    )


def succeeded(job: Job, **changed: object) -> Job:
    """A job as it stands after a provider made its picture."""
    ended = replace(
        job,
        status=JobStatus.SUCCEEDED,
        output=OUTPUT,
        started_at=NOW,
        finished_at=NOW + timedelta(seconds=9),
        expires_at=NOW + timedelta(days=1),
    )
    return replace(ended, **changed)


def delivery(**changed: object) -> Delivery:
    """A callback that was delivered at the second attempt."""
    attempt = DeliveryAttempt(number=1, started_at=NOW, duration_ms=5.5, error_code="connect_timeout", dns_ms=0.5)
    made = Delivery(
        id=new_delivery_id(),
        job_id="job_" + "0" * 32,
        tenant="default",
        url="https://user:word@agent.example:8443/secret/path?token=1",
        body=Body(b"{}"),
        created_at=NOW,
        state=DeliveryState.DELIVERED,
        failures=1,
        last_status=200,
        attempts=(attempt, replace(attempt, number=2, status=200, error_code=None, response_excerpt="ok")),
    )
    return replace(made, **changed)
