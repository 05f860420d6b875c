"""What the tools answer: a document, the short text that a model reads first, and the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field

from service.api.batches import ItemPage
from service.api.catalogue import OperationDocument, ProviderDocument, StorageDocument
from service.domain.jobs import Job, JobStatus, OutputSource
from service.usecases.read import JobView


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where a file can be downloaded for a while."""

    url: str
    name: str
    mime_type: str
    byte_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of a tool. `picture` is the file behind `link`, where it is small enough to be shown."""

    document: BaseModel
    text: str
    link: Link | None = None
    picture: bytes | None = None


class ItemsDocument(ItemPage):
    """A page of the pictures of a batch, and its report."""

    report_url: Annotated[
        str | None, Field(description="A fresh link to the manifest of the report; null while there is none.")
    ]


class ServiceDocument(BaseModel):
    """What the service can do, with whom, and where pictures are."""

    operations: list[OperationDocument]
    providers: list[ProviderDocument]
    storage: StorageDocument


def link_to(view: JobView) -> Link | None:
    """The picture that a job made, while it is there."""
    output = view.job.output
    if output is None or view.output_url is None:
        return None
    return Link(
        url=view.output_url,
        name=output.object.key.rpartition("/")[2],
        mime_type=output.mime_type,
        byte_count=output.byte_count,
    )


def told(view: JobView) -> str:
    """How a job stands, and what to do next, in a few sentences."""
    job = view.job
    said = [f"{job.id} {_standing(view)}."]
    if job.error is not None:
        said.append(f"{job.error.code}: {job.error.message}.")
    if job.contract.is_batch:
        said.append(_counts(view))
    elif job.output is not None:
        said.append(_made(view, job))
    if job.warnings:
        said.append(f"Warnings: {'; '.join(job.warnings)}.")
    if not job.finished:
        said.append("It goes on by itself; get_job with wait_seconds waits for its end.")
    return " ".join(said)


def _standing(view: JobView) -> str:
    match view.job.status:
        case JobStatus.QUEUED:
            return f"is queued, {view.queue_position} before it" if view.queue_position else "is queued"
        case JobStatus.RUNNING:
            return "is paused" if view.batch is not None and view.batch.paused_at is not None else "is running"
        case JobStatus.CANCELED:
            return "was canceled"
        case JobStatus.EXPIRED:
            return "expired before it began"
        case status:
            return status.value.replace("_", " ")


def _made(view: JobView, job: Job) -> str:
    output = job.output
    assert output is not None  # noqa: S101 - asked only where there is one
    made = f"{output.width}x{output.height} {output.mime_type} by {output.provider}"
    if output.source is OutputSource.FALLBACK and output.fallback is not None:
        made += f", the local fallback with a visible label, because of {output.fallback.reason}"
    if view.output_url is None or view.output_url_expires_at is None:
        return f"It made {made}; the picture has been removed."
    return f"It made {made}. Until {view.output_url_expires_at:%Y-%m-%d %H:%M} UTC it is at {view.output_url}"


def _counts(view: JobView) -> str:
    progress, target = view.job.progress, view.job.target
    found = "" if view.batch is None or view.batch.listed_at is not None else " found so far"
    return (
        f"Of {progress.total} pictures{found} {progress.succeeded} succeeded, {progress.fallback} fell back to the "
        f"local provider and {progress.failed} failed; {progress.skipped} objects were skipped. Results are in bucket "
        f"{target.bucket} under {target.key}; list_batch_items shows each picture."
    )
