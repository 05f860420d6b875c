"""What is shown of callbacks of every contract."""

from __future__ import annotations

from service.cli.reading import facts


def test_a_callback_with_a_link() -> None:
    payload = {
        "status": "completed",
        "job_id": "job_1",
        "filename": "a.jpg",
        "result_url": "https://x/1",
        "source": "provider",
    }
    assert facts(payload) == {
        "status": "completed",
        "job": "job_1",
        "file": "a.jpg",
        "source": "provider",
        "link": "https://x/1",
    }


def test_a_callback_with_a_picture_shows_its_length_only() -> None:
    assert facts({"status": "completed", "job_id": "job_1", "result_image_base64": "QUJD"})["base64"] == "4 characters"


def test_a_failure() -> None:
    payload = {"status": "failed", "job_id": "job_1", "error": "refused", "error_code": "moderated"}
    assert facts(payload) == {"status": "failed", "job": "job_1", "error": "moderated: refused"}


def test_a_batch_shows_what_became_of_its_pictures() -> None:
    payload = {
        "status": "completed_with_errors",
        "job_id": "job_1",
        "total_files": 5,
        "processed": 2,
        "fallback_local": 1,
        "failed": 2,
        "skipped": 3,
        "report_url": "https://x/manifest.json",
    }
    shown = facts(payload)
    assert shown["pictures"] == "5 found, 2 by the model, 1 locally, 2 failed, 3 skipped"
    assert shown["report"] == "https://x/manifest.json"


def test_a_job_in_the_envelope() -> None:
    output = {
        "url": "https://x/1",
        "source": "fallback",
        "provider": "local",
        "fallback": {"reason": "billing_exhausted", "provider": "openai"},
    }
    job = {"id": "job_1", "status": "succeeded", "output": output, "warnings": ["w"], "error": None}
    assert facts({"type": "job.succeeded", "timestamp": "2026-11-21T00:00:00Z", "data": job}) == {
        "type": "job.succeeded",
        "status": "succeeded",
        "job": "job_1",
        "source": "fallback",
        "provider": "local",
        "reason": "billing_exhausted",
        "warnings": "w",
        "link": "https://x/1",
    }


def test_a_failed_job_in_the_envelope() -> None:
    job = {"id": "job_1", "status": "failed", "output": None, "error": {"code": "auth", "message": "no"}}
    assert facts({"type": "job.failed", "data": job})["error"] == "auth: no"


def test_a_test_message_has_little_to_tell() -> None:
    assert facts({"type": "callback.test", "timestamp": "2026-11-21T00:00:00Z", "data": {}}) == {
        "type": "callback.test"
    }
