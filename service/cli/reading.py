"""What a callback says, in few words, whichever contract it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def facts(payload: Mapping[str, Any]) -> dict[str, str]:
    """The facts that people look for, under short names; those that a callback does not tell are left out."""
    job = _job(payload)
    output = job.get("output") or {}
    fallback = output.get("fallback") or {}
    found = {
        "type": payload.get("type"),
        "status": job.get("status"),
        "job": job_id(payload),
        "file": job.get("filename"),
        "source": job.get("source") or output.get("source"),
        "provider": job.get("provider") or output.get("provider"),
        "pictures": _counts(job),
        "reason": job.get("fallback_reason") or fallback.get("reason"),
        "error": _error(job),
        "warnings": "; ".join(job.get("warnings") or ()),
        "link": link(payload),
        "report": job.get("report_url"),
        "base64": f"{len(picture)} characters" if (picture := inline_picture(payload)) else None,
    }
    return {name: str(value) for name, value in found.items() if value}


def job_id(payload: Mapping[str, Any]) -> str | None:
    """The id of the job that a callback is about."""
    job = _job(payload)
    return job.get("job_id") or job.get("id")


def link(payload: Mapping[str, Any]) -> str | None:
    """Where the picture can be downloaded from."""
    job = _job(payload)
    return job.get("result_url") or (job.get("output") or {}).get("url")


def inline_picture(payload: Mapping[str, Any]) -> str | None:
    """The picture itself, in base64."""
    return payload.get("result_image_base64")


def _job(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The job, which the Standard Webhooks envelope keeps under ``data``."""
    job: Mapping[str, Any] = payload.get("data", payload)
    return job


def _counts(job: Mapping[str, Any]) -> str | None:
    """What became of the pictures of a batch."""
    if "total_files" not in job:
        return None
    names = {"processed": "by the model", "fallback_local": "locally", "failed": "failed", "skipped": "skipped"}
    return ", ".join([f"{job['total_files']} found", *(f"{job[name]} {said}" for name, said in names.items())])


def _error(job: Mapping[str, Any]) -> str | None:
    error = job.get("error")
    if isinstance(error, Mapping):
        return f"{error.get('code')}: {error.get('message')}"
    return f"{job.get('error_code')}: {error}" if error else None
