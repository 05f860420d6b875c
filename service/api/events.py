"""The events of a job as Server-Sent Events (HTML standard, section 9.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from pydantic import BaseModel, ConfigDict, Field

from service.api.authentication import Tenant
from service.api.dependencies import TheServices
from service.api.paging import JobPath
from service.api.problems import documented
from service.domain.events import Event

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

_HEARTBEAT_SECONDS = 15  # proxies cut what is silent for a minute, some for half of one
_RETRY_MILLISECONDS = 2000  # after which a browser comes back
_LARGEST_SEQUENCE = 2**31 - 1
_UNBUFFERED = {"X-Accel-Buffering": "no"}  # nginx, and those who learned it from there
_DESCRIPTION = "The events, each of them JSON on one line. Comments keep the connection open."
_EXAMPLE = (
    "retry: 2000\n\n"
    "event: job.running\n"
    'data: {"job_id":"job_01a1fd3a82ef74f39f08ded1bbe0759f","sequence":2,"type":"job.running",'
    '"at":"2026-11-21T12:00:00.123456Z","data":{}}\n'
    "id: 2\n\n"
)

_SCHEMA = {
    "type": "string",
    "contentMediaType": "text/event-stream",
    "contentSchema": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["id", "event", "data"],
            "properties": {
                "id": {"type": "string"},
                "event": {"type": "string"},
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": {"$ref": "#/components/schemas/EventDocument"},
                },
            },
        },
    },
}

LastEventId = Annotated[
    int | None,
    Header(
        alias="Last-Event-ID",
        ge=0,
        le=_LARGEST_SEQUENCE,
        description="Sequence of the last event that was received; those after it follow.",
    ),
]


class EventDocument(BaseModel):
    """One thing that happened to a job."""

    model_config = ConfigDict(from_attributes=True)

    job_id: str
    sequence: Annotated[int, Field(description="From 1, without a gap within the job.")]
    type: Annotated[str, Field(description="job.queued, job.running, job.progress, or job. and the final status.")]
    at: datetime
    data: Annotated[
        dict[str, Any],
        Field(
            description="Of job.progress and of the end the counts total, succeeded, fallback, failed, skipped; of the "
            "end also the status, and after a failure error_code."
        ),
    ]


@router.get(
    "/{job_id}/events",
    operation_id="follow_job",
    response_class=Response,
    responses=documented(401, 404, 422, 503)
    | {
        200: {
            "description": _DESCRIPTION,
            "content": {"text/event-stream": {"schema": _SCHEMA, "example": _EXAMPLE}},
        },
        204: {"description": "Last-Event-ID is the final event: there is nothing to come back for."},
    },
)
async def follow_job(
    job_id: JobPath, services: TheServices, tenant: Tenant, last_event_id: LastEventId = None
) -> Response:
    """What happened to a job so far and what happens from now on, each event once and in order, up to the final one.

    A client that was cut off sends the id of the last event it has as `Last-Event-ID`, as EventSource does by itself.
    For a progress bar there is the WebSocket at the job's `urls.progress`. It sends `{"type": "progress", "job_id",
    "status", "stage", "current", "total", "percentage", "succeeded", "fallback", "failed", "skipped", "error_code"}` at
    once and at every change, `{"type": "ping"}` every 10 seconds and, with the fields of `progress`, `complete` at the
    end. A script in a browser gives its key as the subprotocol `base64url.bearer.authorization.afterimage.` with the
    key in base64url, beside the subprotocol `afterimage.progress`.
    """
    events = await services.follow.events(tenant, job_id, after=last_event_id or 0, tick_seconds=_HEARTBEAT_SECONDS)
    if events is None:
        return Response(status_code=204)  # tells EventSource not to come back
    return EventSourceResponse(_written(events), headers=_UNBUFFERED)


async def _written(events: AsyncIterator[Event | None]) -> AsyncIterator[bytes]:
    yield format_sse_event(retry=_RETRY_MILLISECONDS)
    async for event in events:
        if event is None:
            yield KEEPALIVE_COMMENT
        else:
            document = EventDocument.model_validate(event).model_dump_json()
            yield format_sse_event(event=event.type, data_str=document, id=str(event.sequence))
