from __future__ import annotations

from dataclasses import replace

import pytest

from service.domain.jobs import JobStatus, Progress
from service.domain.standing import JobStage, standing_of
from tests.contract.batch_suite import a_batch, a_batch_job
from tests.contract.ledger_suite import NOW, a_job

QUEUED = a_job()
BATCH = replace(a_batch_job(), status=JobStatus.RUNNING)


@pytest.mark.parametrize(
    ("status", "stage", "current", "percentage"),
    [
        (JobStatus.QUEUED, JobStage.QUEUED, 0, 0.0),
        (JobStatus.RUNNING, JobStage.PROCESSING, 0, 0.0),
        (JobStatus.SUCCEEDED, JobStage.FINISHED, 1, 100.0),
        (JobStatus.CANCELED, JobStage.FINISHED, 1, 100.0),
    ],
)
def test_a_single_job_is_done_or_not(status: JobStatus, stage: JobStage, current: int, percentage: float) -> None:
    standing = standing_of(replace(QUEUED, status=status), None)
    assert (standing.stage, standing.current, standing.percentage) == (stage, current, percentage)


@pytest.mark.parametrize(
    ("batch", "stage"),
    [
        ({}, JobStage.LISTING),
        ({"listed_at": NOW, "items": 9, "settled": 4}, JobStage.PROCESSING),
        ({"listed_at": NOW, "items": 9, "settled": 9}, JobStage.REPORTING),
        ({"paused_at": NOW}, JobStage.PAUSED),
    ],
)
def test_stages_of_a_batch(batch: dict, stage: JobStage) -> None:
    assert standing_of(BATCH, a_batch(BATCH, **batch)).stage is stage


def test_what_is_no_picture_counts_neither_as_done_nor_as_to_be_done() -> None:
    # 9 objects, of which 2 are no pictures and 1 picture was passed over; 3 pictures are still to be edited.
    job = replace(BATCH, progress=Progress(total=7, succeeded=2, failed=1, skipped=3))
    standing = standing_of(job, a_batch(job, listed_at=NOW, items=9, settled=6))
    assert (standing.current, standing.total, standing.percentage) == (4, 7, 57.1)


def test_a_batch_read_after_its_job_never_counts_below_nothing() -> None:
    job = replace(BATCH, progress=Progress(total=0))
    standing = standing_of(job, a_batch(job, items=5))
    assert (standing.current, standing.percentage) == (0, 0.0)


def test_an_empty_batch_is_done_at_its_end() -> None:
    job = replace(BATCH, progress=Progress(total=0))
    assert standing_of(job, a_batch(job)).percentage == 0.0
    assert standing_of(replace(job, status=JobStatus.SUCCEEDED), a_batch(job)).percentage == 100.0
