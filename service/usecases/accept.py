"""Accepting: everything wrong that can be known is said now; what passes is durable before the answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlsplit

from service.domain.identifiers import new_job_id
from service.domain.jobs import Job
from service.domain.keys import mask_key, output_key, source_key
from service.domain.objects import ObjectRef
from service.ports.clock import Clock
from service.ports.ledger import Accepted, Ledger
from service.ports.storage import Storage
from service.telemetry.metrics import Metrics
from service.usecases.checks import Checked, Checks
from service.usecases.head_start import HeadStart
from service.usecases.quota import Quota
from service.usecases.replays import Replays
from service.usecases.submissions import InlineSource, LinkedSource, ObjectSource, Submission


@dataclass(frozen=True, slots=True)
class OutputPlan:
    """Where outputs go, and in which format when the caller names none."""

    bucket: str
    prefix: str
    default_format: str

    def target(self, job_id: str, filename: str | None, extension: str) -> ObjectRef:
        """The place of a single job's output."""
        return ObjectRef(self.bucket, output_key(self.prefix, job_id, filename, extension))


class AcceptJob:
    """Turns a submission into a durable job."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        storage: Storage,
        checks: Checks,
        head_start: HeadStart,
        quota: Quota,
        replays: Replays,
        metrics: Metrics,
        clock: Clock,
        plan: OutputPlan,
    ) -> None:
        self._ledger = ledger
        self._storage = storage
        self._checks = checks
        self._head_start = head_start
        self._quota = quota
        self._replays = replays
        self._metrics = metrics
        self._clock = clock
        self._plan = plan

    async def __call__(self, submission: Submission) -> Accepted:
        """Check, store, record.

        Returns:
            The new job, or the one that the idempotency key already stands for.

        Raises:
            RefusedError: nothing of the request was kept.
            StorageError: the store failed; nothing was accepted.
            LedgerUnavailableError: the database failed; nothing was accepted.
        """
        async with self._replays.guard(submission) as known:
            if known is not None:
                return known
            checked = await self._checks(submission)
            await self._quota.admit(submission.tenant)
            accepted = await self._record(submission, checked)
            self._metrics.job_accepted(submission.operation, submission.contract.value)
            return self._replays.confirm(submission, accepted)

    async def _record(self, submission: Submission, checked: Checked) -> Accepted:
        job_id, now = new_job_id(), self._clock.now()
        bucket = self._storage.output_bucket
        parameters = {"output_format": self._plan.default_format} | dict(submission.parameters)
        stored: list[ObjectRef] = []
        source = checked.source
        mask: ObjectRef | None = None
        kept = False
        try:
            if checked.data is not None:
                self._head_start.begin(
                    job_id, checked.data, operation=submission.operation, provider=submission.provider
                )
                ref = ObjectRef(bucket, source_key(job_id))
                stored.append(ref)
                await self._storage.put(ref, checked.data, mime_type=source.mime_type or "application/octet-stream")
                source = replace(source, object=ref, owned=True)
            if submission.mask is not None:
                mask = ObjectRef(bucket, mask_key(job_id))
                stored.append(mask)
                await self._storage.put(mask, submission.mask, mime_type="image/png")
            accepted = await self._ledger.accept(
                Job(
                    id=job_id,
                    tenant=submission.tenant,
                    contract=submission.contract,
                    operation=submission.operation,
                    prompt=submission.prompt,
                    source=source,
                    target=self._plan.target(job_id, _name(submission), parameters["output_format"]),
                    created_at=now,
                    filename=submission.filename,
                    parameters=parameters,
                    provider=submission.provider,
                    mask=mask,
                    retry_possibly_billed=submission.retry_possibly_billed,
                    callback_url=submission.callback_url,
                    deadline_at=(
                        now + timedelta(seconds=submission.deadline_seconds) if submission.deadline_seconds else None
                    ),
                    metadata=submission.metadata,
                ),
                idempotency=submission.idempotency,
            )
            kept = not accepted.replayed
            return accepted
        finally:
            if not kept:
                self._head_start.forget(job_id)
                for ref in stored:
                    await self._storage.delete(ref)


def _name(submission: Submission) -> str | None:
    """What the output is named after: the given name, else the one that the source has where it is."""
    if submission.filename is not None:
        return submission.filename
    match submission.source:
        case ObjectSource(key=key):
            return key
        case LinkedSource(url=url):
            return urlsplit(url).path
        case InlineSource():
            return None
