"""Is it alive, is it ready, and its numbers: open to anybody, so that probes and scrapers need no key."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from service.api.dependencies import TheServices

router = APIRouter(tags=["health"])

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Health(BaseModel):
    """The predecessor's health document."""

    ok: Literal[True] = True


class Liveness(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Component(BaseModel):
    """One thing that the service needs."""

    name: str
    ok: bool
    detail: Annotated[str, Field(description="What is wrong; empty when all is well.")]


class Readiness(BaseModel):
    """Whether the service should get requests."""

    status: Literal["ok", "unavailable"]
    components: list[Component]


@router.get("/health", operation_id="health")
async def health() -> Health:
    """Whether the process answers, in the predecessor's words."""
    return Health()


@router.get("/api/v1/health/live", operation_id="health_live")
async def live() -> Liveness:
    """Whether the process answers; asks nobody else, so that a dead database does not restart it."""
    return Liveness()


@router.get(
    "/api/v1/health/ready",
    operation_id="health_ready",
    responses={503: {"model": Readiness, "description": "Not ready."}},
)
async def ready(services: TheServices, response: Response) -> Readiness:
    """Whether everything that is needed to accept a job answers, and the process is not about to stop."""
    components = [Component(name=one.component, ok=one.ok, detail=one.detail) for one in await services.ready()]
    if all(component.ok for component in components):
        return Readiness(status="ok", components=components)
    response.status_code = 503
    return Readiness(status="unavailable", components=components)


@router.get(
    "/metrics",
    operation_id="metrics",
    response_class=Response,
    responses={200: {"description": "Prometheus text format 0.0.4.", "content": {"text/plain": {}}}},
)
async def metrics(services: TheServices) -> Response:
    """The metrics, for Prometheus."""
    return Response(await services.render_metrics(), media_type=_METRICS_TYPE)
