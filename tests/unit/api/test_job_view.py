"""A job as JSON, field by field."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from service.api.job_view import JobDocuments
from service.domain.batches import Batch, Selection
from service.domain.deliveries import DeliveryState
from service.domain.faults import Moderation
from service.domain.jobs import Attempt, Contract, Fallback, Job, JobError, JobStatus, OutputSource, Progress
from service.domain.objects import ObjectRef
from service.usecases.read import JobView
from tests.unit.api.world import NOW, OUTPUT, delivery, succeeded

JOB = Job(
    id="job_1",
    tenant="acme",
    contract=Contract.JOBS,
    operation="edit",
    prompt="invert",
    source=None,
    target=ObjectRef("out", "results"),
    created_at=NOW,
)
show = JobDocuments("https://img.example")


def test_queued_job_has_every_field() -> None:
    assert show(JobView(job=JOB, queue_position=2)) == {
        "id": "job_1",
        "operation": "edit",
        "status": "queued",
        "finished": False,
        "created_at": "2026-11-21T12:00:00Z",
        "started_at": None,
        "finished_at": None,
        "expires_at": None,
        "progress": {"total": 1, "succeeded": 0, "fallback": 0, "failed": 0, "skipped": 0, "queue_position": 2},
        "output": None,
        "usage": None,
        "cost": None,
        "warnings": [],
        "metadata": {},
        "error": None,
        "callback": None,
        "urls": {
            "self": "https://img.example/api/v1/jobs/job_1",
            "progress": "wss://img.example/api/v1/ws/progress/job_1",
            "events": "https://img.example/api/v1/jobs/job_1/events",
            "cancel": "https://img.example/api/v1/jobs/job_1/cancel",
            "output": "https://img.example/api/v1/jobs/job_1/output",
            "deliveries": "https://img.example/api/v1/jobs/job_1/deliveries",
        },
        "batch": None,
        "attempts": [],
    }


def test_succeeded_job() -> None:
    attempt = Attempt(
        number=1,
        provider="openai",
        model="gpt-image-2",
        started_at=NOW,
        ended_at=NOW,
        outcome="succeeded",
        http_status=200,
        provider_request_id="req_1",
        ticket={"id": "kept to ourselves"},
    )
    job = succeeded(
        JOB,
        usage={"total_tokens": 100},
        cost_usd=0.04,
        warnings=("rotated",),
        metadata={"sku": "1"},
        attempts=(attempt,),
        progress=Progress(succeeded=1),
    )
    view = JobView(job=job, output_url="https://store.example/x", output_url_expires_at=NOW + timedelta(minutes=15))
    shown = show(view)
    assert shown["output"] == {
        "bucket": "out",
        "key": "results/cat_modified.png",
        "url": "https://store.example/x",
        "url_expires_at": "2026-11-21T12:15:00Z",
        "mime_type": "image/png",
        "sha256": "ab" * 32,
        "width": 640,
        "height": 480,
        "source": "provider",
        "provider": "openai",
        "model": "gpt-image-2",
        "fallback": None,
    }
    assert (shown["usage"], shown["cost"]) == ({"total_tokens": 100}, {"usd": 0.04})
    assert (shown["warnings"], shown["metadata"]) == (["rotated"], {"sku": "1"})
    assert (shown["progress"]["succeeded"], shown["progress"]["queue_position"]) == (1, None)
    assert shown["attempts"] == [
        {
            "number": 1,
            "provider": "openai",
            "model": "gpt-image-2",
            "started_at": "2026-11-21T12:00:00Z",
            "ended_at": "2026-11-21T12:00:00Z",
            "outcome": "succeeded",
            "code": None,
            "message": None,
            "http_status": 200,
            "provider_request_id": "req_1",
            "possibly_billed": False,
        }
    ]


def test_fallback_says_why() -> None:
    fallback = Fallback(reason="billing_exhausted", provider="openai", provider_code="billing_hard_limit_reached")
    output = replace(OUTPUT, source=OutputSource.FALLBACK, provider="local", model=None, fallback=fallback)
    shown = show(JobView(job=succeeded(JOB, output=output)))
    assert (shown["output"]["source"], shown["output"]["provider"], shown["output"]["url"]) == (
        "fallback",
        "local",
        None,
    )
    assert shown["output"]["fallback"] == {
        "reason": "billing_exhausted",
        "provider": "openai",
        "provider_code": "billing_hard_limit_reached",
    }


def test_failed_job_says_why() -> None:
    error = JobError(
        code="moderated",
        message="refused by the content policy",
        provider="openai",
        provider_code="moderation_blocked",
        provider_request_id="req_1",
        moderation=Moderation(stage="input", categories=("violence",)),
    )
    shown = show(JobView(job=replace(JOB, status=JobStatus.FAILED, error=error)))
    assert shown["finished"] is True
    assert shown["error"] == {
        "code": "moderated",
        "message": "refused by the content policy",
        "retryable": False,
        "provider": "openai",
        "provider_code": "moderation_blocked",
        "provider_request_id": "req_1",
        "moderation": {"stage": "input", "categories": ["violence"]},
    }


def test_callback_before_and_after_the_end() -> None:
    job = replace(JOB, callback_url="https://agent.example/secret")
    assert show(JobView(job=job))["callback"] == {
        "state": "pending",
        "attempts": 0,
        "last_status": None,
        "next_attempt_at": None,
    }
    waiting = delivery(state=DeliveryState.PENDING, last_status=503, next_attempt_at=NOW)
    shown = show(JobView(job=job, callback=waiting))
    assert shown["callback"] == {
        "state": "pending",
        "attempts": 2,
        "last_status": 503,
        "next_attempt_at": "2026-11-21T12:00:00Z",
    }
    assert "secret" not in str(shown)


def test_a_batch_shows_how_far_it_is_and_what_it_would_be() -> None:
    batch = Batch(
        job_id="job_1",
        selection=Selection(bucket="in", prefix="shop/"),
        output_prefix="edited",
        likeness="",
        concurrency=4,
        streams=1,
        item_cost_usd=0.25,
        item_seconds=20.0,
        pictures=10,
        picture_bytes=999,
        paused_at=NOW,
    )
    job = replace(JOB, contract=Contract.TOOL_BATCH, progress=Progress(total=10, skipped=2))
    shown = show(JobView(job=job, batch=batch))
    assert shown["batch"]["listed"] is False
    assert shown["batch"]["paused_at"] is not None
    assert shown["batch"]["estimate"] == {
        "pictures": 10,
        "byte_count": 999,
        "skipped": 2,
        "cost_usd": 2.5,
        "seconds": 60.0,
        "complete": False,
    }
    steering = {"cancel", "pause", "resume", "retry"}
    assert set(shown["urls"]) == {"self", "events", "progress", "items", "groups", "report", "deliveries", *steering}
