"""The words in which a model is told of a job."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.api.mcp.answers import link_to, told
from service.domain.identifiers import new_job_id
from service.domain.jobs import Contract, Fallback, Job, JobError, JobStatus, OutputSource, Progress
from service.domain.objects import ObjectRef
from service.usecases.read import JobView
from tests.unit.api.world import NOW, OUTPUT, succeeded

JOB = Job(
    id=new_job_id(),
    tenant="default",
    contract=Contract.JOBS,
    operation="edit",
    prompt="x",
    source=None,
    target=ObjectRef("out", "results"),
    created_at=NOW,
)
LINK = "https://store.example/cat.png"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "is queued, 3 before it. It goes on by itself; get_job"),
        ({"status": JobStatus.RUNNING}, "is running. It goes on by itself"),
        ({"status": JobStatus.CANCELED}, "was canceled."),
        ({"status": JobStatus.EXPIRED}, "expired before it began."),
        (
            {"status": JobStatus.FAILED, "error": JobError(code="content_refused", message="no violence")},
            "failed. content_refused: no violence.",
        ),
    ],
)
def test_without_a_picture(changed: dict[str, object], words: str) -> None:
    view = JobView(job=replace(JOB, **changed), queue_position=3 if not changed else None)
    assert told(view).startswith(f"{JOB.id} {words}")
    assert link_to(view) is None


def test_with_a_picture() -> None:
    view = JobView(job=succeeded(JOB, warnings=("a", "b")), output_url=LINK, output_url_expires_at=NOW)
    assert told(view) == (
        f"{JOB.id} succeeded. It made 640x480 image/png by openai. Until 2026-11-21 12:00 UTC it is at {LINK} "
        "Warnings: a; b."
    )
    link = link_to(view)
    assert link is not None
    assert (link.url, link.name, link.byte_count) == (LINK, "cat_modified.png", 1234)


def test_a_fallback_is_called_one() -> None:
    output = replace(
        OUTPUT, source=OutputSource.FALLBACK, provider="local", fallback=Fallback(reason="a", provider="b")
    )
    view = JobView(job=succeeded(JOB, output=output), output_url=LINK, output_url_expires_at=NOW)
    assert "by local, the local fallback with a visible label, because of a." in told(view)


def test_a_picture_that_is_gone_has_no_link() -> None:
    view = JobView(job=succeeded(JOB))
    assert told(view).endswith("the picture has been removed.")
    assert link_to(view) is None


def test_a_batch_is_told_in_counts() -> None:
    progress = Progress(total=7, succeeded=3, fallback=2, failed=1, skipped=4)
    status = JobStatus.PARTIALLY_SUCCEEDED
    said = told(JobView(job=replace(JOB, contract=Contract.JOBS_BATCH, status=status, progress=progress)))
    assert said == (
        f"{JOB.id} partially succeeded. Of 7 pictures 3 succeeded, 2 fell back to the local provider and 1 failed; "
        "4 objects were skipped. Results are in bucket out under results; list_batch_items shows each picture."
    )
