"""Deliveries: the callbacks of a job with their attempts, sending one again, and trying a receiver."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from service.api.accepting import json_content
from service.api.authentication import Tenant
from service.api.dependencies import TheBodies, TheServices
from service.api.paging import DeliveryPath, JobPath
from service.api.problems import documented
from service.api.requests import CallbackTestRequest
from service.domain.deliveries import Delivery, DeliveryState
from service.domain.redaction import redacted

router = APIRouter(prefix="/api/v1", tags=["deliveries"])


class DeliveryAttemptDocument(BaseModel):
    """One try to hand a message over; durations are null where that phase was not reached."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    started_at: datetime
    duration_ms: float
    status: Annotated[int | None, Field(description="The receiver's HTTP status; null when it did not answer.")]
    error_code: str | None
    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    first_byte_ms: float | None
    response_excerpt: Annotated[str | None, Field(description="At most 4 KiB of the answer.")]


class DeliveryDocument(BaseModel):
    """One callback message."""

    id: Annotated[str, Field(description="The webhook-id header of every attempt.")]
    job_id: str
    receiver: Annotated[
        str, Field(description="Scheme and host, and a digest: the rest of a callback URL is a secret.")
    ]
    state: DeliveryState
    created_at: datetime
    next_attempt_at: datetime | None
    last_status: int | None
    last_error_code: str | None
    attempts: list[DeliveryAttemptDocument]


class DeliveryList(BaseModel):
    """The callbacks of a job, oldest first."""

    data: list[DeliveryDocument]


@router.get("/jobs/{job_id}/deliveries", operation_id="list_deliveries", responses=documented(401, 404, 503))
async def list_deliveries(job_id: JobPath, services: TheServices, tenant: Tenant) -> DeliveryList:
    """The callbacks of a job with every attempt to deliver them."""
    return DeliveryList(data=[_document(one) for one in await services.read.deliveries(tenant, job_id)])


@router.post(
    "/deliveries/{delivery_id}/redeliver",
    status_code=202,
    operation_id="redeliver",
    responses=documented(401, 404, 409, 503),
)
async def redeliver(delivery_id: DeliveryPath, services: TheServices, tenant: Tenant) -> DeliveryDocument:
    """Start a message's schedule anew, at once, with the same id and the same bytes."""
    return _document(await services.redeliver(tenant, delivery_id))


@router.post(
    "/callbacks/test",
    operation_id="test_callback",
    responses=documented(400, 401, 413, 415, 422, 503),
    openapi_extra={"requestBody": json_content(CallbackTestRequest)},
)
async def test_callback(request: Request, services: TheServices, bodies: TheBodies, tenant: Tenant) -> DeliveryDocument:
    """Send a signed test message to a URL and see what came of it."""
    async with bodies.parsed(request, CallbackTestRequest) as parsed:
        return _document(await services.test_callback(tenant, parsed.body.url))


def _document(delivery: Delivery) -> DeliveryDocument:
    return DeliveryDocument(
        id=delivery.id,
        job_id=delivery.job_id,
        receiver=redacted(delivery.url),
        state=delivery.state,
        created_at=delivery.created_at,
        next_attempt_at=delivery.next_attempt_at,
        last_status=delivery.last_status,
        last_error_code=delivery.last_error_code,
        attempts=[DeliveryAttemptDocument.model_validate(attempt) for attempt in delivery.attempts],
    )
