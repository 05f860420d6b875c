"""Messages: what the callback of a finished job says, in the words of the contract that the job came by."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from service.domain.deliveries import Body, Delivery
from service.domain.identifiers import new_delivery_id
from service.domain.jobs import Contract, Ending, Job, JobStatus
from service.domain.payloads import Base64ToolCallback, JobCallback, ObjectToolCallback, ToolStatus
from service.ports.storage import Storage
from service.usecases.read import JobView, ReadJobs

Document = Callable[[JobView], Mapping[str, Any]]

_TOOL_STATUS: Mapping[JobStatus, ToolStatus] = {
    JobStatus.SUCCEEDED: "completed",
    JobStatus.FAILED: "failed",
    JobStatus.EXPIRED: "failed",
    JobStatus.CANCELED: "canceled",
}
_PICTURE = "@picture@"  # stands where the picture goes; no other value of that payload is a bare string of the service


class Messages:
    """Writes callbacks.

    Args:
        document: Turns a job into the JSON that ``GET /api/v1/jobs/{id}`` answers with.
        link_seconds: How long the link in a callback works; it should outlive the schedule of retries, because the
            bytes of a message never change.
    """

    def __init__(self, *, storage: Storage, read: ReadJobs, document: Document, link_seconds: int) -> None:
        self._storage = storage
        self._read = read
        self._document = document
        self._link_seconds = link_seconds

    async def for_ending(self, job: Job, ending: Ending) -> Delivery | None:
        """The message that a job's end owes its caller, None when no callback was asked for."""
        if job.callback_url is None:
            return None
        return Delivery(
            id=new_delivery_id(),
            job_id=job.id,
            tenant=job.tenant,
            url=job.callback_url,
            body=await self._body(job, ending),
            created_at=ending.finished_at,
            next_attempt_at=ending.finished_at,
        )

    async def _body(self, job: Job, ending: Ending) -> Body:
        match job.contract:
            case Contract.TOOL_BASE64:
                return self._picture_body(job, ending)
            case Contract.TOOL_OBJECT:
                return await self._link_body(job, ending)
            case _:
                return await self._job_body(job, ending)

    def _picture_body(self, job: Job, ending: Ending) -> Body:
        said = _tool_fields(job, ending)
        output = ending.output
        if output is None:
            return Body(_encoded(Base64ToolCallback(**said).model_dump(exclude_none=True)))
        payload = Base64ToolCallback(**said, result_mime_type=output.mime_type).model_dump(exclude_none=True)
        # The picture stands last, so that what comes before it cannot be mistaken for its place.
        text = _encoded(payload | {"result_image_base64": _PICTURE})
        head, _, tail = text.rpartition(_PICTURE.encode())
        return Body(head, output.object, tail)

    async def _link_body(self, job: Job, ending: Ending) -> Body:
        said = _tool_fields(job, ending)
        if (output := ending.output) is not None:
            filename = output.object.key.rsplit("/", 1)[-1]
            said["object_key"] = output.object.key
            said["result_url"] = await self._storage.link(
                output.object, expires_in_seconds=self._link_seconds, filename=filename
            )
            said["expires_in"] = self._link_seconds
        return Body(_encoded(ObjectToolCallback(**said).model_dump(exclude_none=True)))

    async def _job_body(self, job: Job, ending: Ending) -> Body:
        # Read anew: the worker's own copy does not know the attempt that brought the end.
        recorded = (await self._read.get(job.tenant, job.id)).job
        view = await self._read.view(ended(recorded, ending))
        kind = "failed" if ending.status is JobStatus.EXPIRED else ending.status.value
        payload = JobCallback.model_validate(
            {
                "type": f"job.{kind}",
                "timestamp": _timestamp(ending.finished_at),
                "data": {name: value for name, value in self._document(view).items() if name != "callback"},
            }
        )
        return Body(_encoded(payload.model_dump()))


def ended(job: Job, ending: Ending) -> Job:
    """The job as it will stand once its ending is recorded."""
    last = ending.attempt
    return replace(
        job,
        status=ending.status,
        finished_at=ending.finished_at,
        expires_at=ending.expires_at,
        output=ending.output,
        error=ending.error,
        warnings=ending.warnings,
        usage=ending.usage,
        cost_usd=ending.cost_usd,
        progress=ending.progress,
        attempts=tuple(last if last and attempt.number == last.number else attempt for attempt in job.attempts),
    )


def _tool_fields(job: Job, ending: Ending) -> dict[str, Any]:
    output, error = ending.output, ending.error
    fallback = output.fallback if output else None
    provider_code = fallback.provider_code if fallback else error.provider_code if error else None
    return {
        "status": _TOOL_STATUS[ending.status],
        "job_id": job.id,
        "filename": job.filename,
        "error": error.message if error else None,
        "error_code": error.code if error else None,
        "source": output.source.value if output else None,
        "provider": output.provider if output else None,
        "fallback_reason": fallback.reason if fallback else None,
        "provider_error_code": provider_code,
        "warnings": list(ending.warnings) or None,
    }


def _encoded(payload: Mapping[str, Any]) -> bytes:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def _timestamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
