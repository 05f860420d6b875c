"""How far a job is, at one moment: what a progress bar shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from service.domain.batches import Batch
from service.domain.jobs import Job, JobStatus, Progress


class JobStage(StrEnum):
    """What is being done about a job."""

    QUEUED = "queued"
    LISTING = "listing"  # a batch's pictures are still being found, and edited meanwhile
    PROCESSING = "processing"
    PAUSED = "paused"
    REPORTING = "reporting"  # all pictures of a batch are done
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A job as followers see it.

    Attributes:
        current: Pictures that are done, however they ended, of `total` found so far.
        error_code: Why the job as a whole failed.
    """

    job_id: str
    status: JobStatus
    stage: JobStage
    current: int
    total: int
    progress: Progress
    error_code: str | None = None

    @property
    def finished(self) -> bool:
        """Whether this is how the job ended."""
        return self.status.finished

    @property
    def percentage(self) -> float:
        """How much of what was found is done, 0 to 100; without pictures all is done once the job has ended."""
        if self.total == 0:
            return 100.0 if self.finished else 0.0
        return round(100 * self.current / self.total, 1)


def standing_of(job: Job, batch: Batch | None) -> Standing:
    """How far a job is; `batch` is None for a single one.

    The two may have been read one after the other, so the counts may be off by what was done in between.
    """
    total = job.progress.total
    left = total if batch is None else batch.items - batch.settled
    return Standing(
        job_id=job.id,
        status=job.status,
        stage=_stage(job, batch),
        current=total if job.finished else max(0, total - left),
        total=total,
        progress=job.progress,
        error_code=job.error.code if job.error is not None else None,
    )


def _stage(job: Job, batch: Batch | None) -> JobStage:
    if job.finished:
        return JobStage.FINISHED
    if batch is not None and batch.paused_at is not None:
        return JobStage.PAUSED
    if job.status is JobStatus.QUEUED:
        return JobStage.QUEUED
    if batch is None:
        return JobStage.PROCESSING
    if batch.listed_at is None:
        return JobStage.LISTING
    return JobStage.REPORTING if batch.done else JobStage.PROCESSING
