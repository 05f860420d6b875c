"""A job as JSON. Every field is always there; what is not known (yet) is null."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from service.domain.batches import estimated
from service.domain.deliveries import DeliveryState
from service.domain.jobs import Job, JobStatus, OutputSource
from service.usecases.read import JobView

_URLS = {
    False: ("events", "cancel", "output", "deliveries"),
    True: ("events", "cancel", "pause", "resume", "retry", "items", "groups", "report", "deliveries"),
}
"""What can be asked of a job beside itself, by whether it is a batch."""


class _Document(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ProgressDocument(_Document):
    """How far a job is, in pictures."""

    total: int
    succeeded: int
    fallback: int
    failed: int
    skipped: int
    queue_position: Annotated[int | None, Field(description="How many queued jobs go first; null once it runs.")] = None


class FallbackDocument(_Document):
    """Why an output was made locally although a provider was asked."""

    reason: str
    provider: str
    provider_code: str | None


class OutputDocument(_Document):
    """The picture that came out."""

    bucket: str
    key: str
    url: Annotated[str | None, Field(description="A fresh link; null once the picture is gone.")]
    url_expires_at: datetime | None
    mime_type: str
    sha256: str
    width: int
    height: int
    source: OutputSource
    provider: str
    model: str | None
    fallback: FallbackDocument | None


class CostDocument(BaseModel):
    """What a job cost, estimated from the provider's usage numbers and the configured prices."""

    usd: float


class ModerationDocument(_Document):
    """What a provider's content policy refused."""

    stage: str
    categories: list[str]


class ErrorDocument(_Document):
    """Why a job failed."""

    code: str
    message: str
    retryable: bool
    provider: str | None
    provider_code: str | None
    provider_request_id: str | None
    moderation: ModerationDocument | None


class AttemptDocument(_Document):
    """One try of one provider."""

    number: int
    provider: str
    model: str | None
    started_at: datetime
    ended_at: datetime | None
    outcome: Annotated[str | None, Field(description="succeeded, or the class of the failure; null while it runs.")]
    code: str | None
    message: str | None
    http_status: int | None
    provider_request_id: str | None
    possibly_billed: Annotated[bool, Field(description="The answer was lost and may have been charged.")]


class CallbackDocument(BaseModel):
    """Where a job's callback is."""

    state: DeliveryState
    attempts: int
    last_status: Annotated[int | None, Field(description="The receiver's last HTTP status.")]
    next_attempt_at: datetime | None


class JobSummary(BaseModel):
    """A job as lists show it."""

    id: str
    operation: str
    status: JobStatus
    finished: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: Annotated[datetime | None, Field(description="When the pictures are removed.")]
    progress: ProgressDocument
    output: OutputDocument | None
    usage: Annotated[dict[str, Any] | None, Field(description="The provider's own numbers.")]
    cost: CostDocument | None
    warnings: list[str]
    metadata: dict[str, str]
    error: ErrorDocument | None
    callback: CallbackDocument | None
    urls: dict[str, str]


class EstimateDocument(_Document):
    """What a batch would be."""

    pictures: Annotated[int, Field(description="Pictures that would be edited.")]
    byte_count: Annotated[int, Field(description="Bytes of these pictures.")]
    skipped: Annotated[int, Field(description="Objects that would be passed over.")]
    cost_usd: Annotated[float | None, Field(description="Expected cost; null where no price is known.")]
    seconds: Annotated[float, Field(description="Expected time.")]
    complete: Annotated[bool, Field(description="False when there are more objects than were counted.")]


class BatchDocument(BaseModel):
    """What a batch has beside the usual."""

    bucket: Annotated[str | None, Field(description="Null where the request named the pictures itself.")]
    prefix: str | None
    output_bucket: str
    output_prefix: Annotated[str, Field(description="Key prefix of the results and of the report.")]
    concurrency: int
    max_cost_usd: float | None
    listed: Annotated[bool, Field(description="Whether all pictures are found.")]
    paused_at: datetime | None
    dry_run: bool
    main_first: Annotated[bool, Field(description="Whether a group's main picture goes before its others.")]
    estimate: Annotated[EstimateDocument, Field(description="By what was found so far.")]


class JobDocument(JobSummary):
    """A job."""

    batch: Annotated[BatchDocument | None, Field(description="For batches alone.")]
    attempts: list[AttemptDocument]


class JobPage(BaseModel):
    """A page of jobs, newest first."""

    data: list[JobSummary]
    next_cursor: Annotated[str | None, Field(description="The cursor of the next page; null on the last.")]


class JobDocuments:
    """Writes jobs.

    Args:
        public_url: Where callers reach the service, without a slash at the end.
    """

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url

    def __call__(self, view: JobView) -> Mapping[str, Any]:
        """A job as plain JSON values, for callbacks."""
        return self.document(view).model_dump(mode="json")

    def document(self, view: JobView) -> JobDocument:
        """A job whole."""
        attempts = [AttemptDocument.model_validate(attempt) for attempt in view.job.attempts]
        return JobDocument(**self._fields(view), batch=_batch(view), attempts=attempts)

    def summary(self, view: JobView) -> JobSummary:
        """A job without its attempts."""
        return JobSummary(**self._fields(view))

    def _fields(self, view: JobView) -> dict[str, Any]:
        job = view.job
        progress = ProgressDocument.model_validate(job.progress)
        return {
            "id": job.id,
            "operation": job.operation,
            "status": job.status,
            "finished": job.finished,
            "created_at": job.created_at,
            "started_at": job.started_at,
            "finished_at": job.finished_at,
            "expires_at": job.expires_at,
            "progress": progress.model_copy(update={"queue_position": view.queue_position}),
            "output": _output(view),
            "usage": dict(job.usage) if job.usage is not None else None,
            "cost": CostDocument(usd=job.cost_usd) if job.cost_usd is not None else None,
            "warnings": list(job.warnings),
            "metadata": dict(job.metadata),
            "error": ErrorDocument.model_validate(job.error) if job.error is not None else None,
            "callback": _callback(view),
            "urls": self._urls(job),
        }

    def _urls(self, job: Job) -> dict[str, str]:
        self_url = f"{self._public_url}/api/v1/jobs/{job.id}"
        socket_url = self._public_url.replace("http", "ws", 1)  # https becomes wss
        urls = {name: f"{self_url}/{name}" for name in _URLS[job.contract.is_batch]}
        return {"self": self_url, "progress": f"{socket_url}/api/v1/ws/progress/{job.id}"} | urls


def _output(view: JobView) -> OutputDocument | None:
    output = view.job.output
    if output is None:
        return None
    return OutputDocument(
        bucket=output.object.bucket,
        key=output.object.key,
        url=view.output_url,
        url_expires_at=view.output_url_expires_at,
        mime_type=output.mime_type,
        sha256=output.sha256,
        width=output.width,
        height=output.height,
        source=output.source,
        provider=output.provider,
        model=output.model,
        fallback=FallbackDocument.model_validate(output.fallback) if output.fallback is not None else None,
    )


def _batch(view: JobView) -> BatchDocument | None:
    batch, target = view.batch, view.job.target
    if batch is None:
        return None
    estimate = estimated(batch, skipped=view.job.progress.skipped, complete=batch.listed_at is not None)
    named = batch.selection.named is not None
    return BatchDocument(
        bucket=None if named else batch.selection.bucket,
        prefix=None if named else batch.selection.prefix,
        output_bucket=target.bucket,
        output_prefix=target.key,
        concurrency=batch.concurrency,
        max_cost_usd=batch.max_cost_usd,
        listed=batch.listed_at is not None,
        paused_at=batch.paused_at,
        dry_run=batch.dry_run,
        main_first=batch.staging is not None and batch.staging.main_first,
        estimate=EstimateDocument.model_validate(estimate),
    )


def _callback(view: JobView) -> CallbackDocument | None:
    if view.job.callback_url is None:
        return None
    delivery = view.callback
    if delivery is None:  # written when the job ends
        return CallbackDocument(state=DeliveryState.PENDING, attempts=0, last_status=None, next_attempt_at=None)
    return CallbackDocument(
        state=delivery.state,
        attempts=len(delivery.attempts),
        last_status=delivery.last_status,
        next_attempt_at=delivery.next_attempt_at,
    )
