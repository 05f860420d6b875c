"""Batches: their items, their report, control over them, and what one would cost."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from service.api.accepting import RETRY_AFTER_SECONDS, json_content
from service.api.authentication import Tenant
from service.api.dependencies import TheBodies, TheDocuments, TheServices
from service.api.failures import invalid_request
from service.api.job_view import ErrorDocument, EstimateDocument, JobDocument
from service.api.paging import JobPath
from service.api.problems import documented
from service.api.product_sets import SET_REQUESTS, one_or_many
from service.api.requests import BatchToolRequest
from service.domain.batches import Item, ItemStatus, SkipReason, Stage
from service.domain.jobs import OutputSource
from service.domain.refusals import FieldError
from service.ports.batches import ItemQuery

router = APIRouter(prefix="/api/v1", tags=["batches"])


class ItemDocument(BaseModel):
    """One picture of a batch."""

    number: Annotated[int, Field(description="From 1, in the order of the listing.")]
    bucket: str | None
    key: Annotated[str | None, Field(description="Of the object that goes in; null for a picture from the web.")]
    url: Annotated[str | None, Field(description="Where the picture is downloaded from.")]
    group: Annotated[str | None, Field(description="The product that it belongs to.")]
    name: Annotated[str | None, Field(description="What its result is named after.")]
    stage: Annotated[Stage | None, Field(description="Whether it is the main picture of its group.")]
    status: ItemStatus
    skip_reason: Annotated[SkipReason | None, Field(description="Why it was passed over.")]
    output_key: Annotated[str | None, Field(description="Key of the result; null while there is none.")]
    source: Annotated[OutputSource | None, Field(description="Who made the result.")]
    provider: str | None
    model: str | None
    sha256: str | None
    cost_usd: float | None
    attempts: Annotated[int, Field(description="How often a provider was asked.")]
    started_at: datetime | None
    finished_at: datetime | None
    warnings: list[str]
    error: ErrorDocument | None


class ItemPage(BaseModel):
    """A page of items, in the order of the listing."""

    data: list[ItemDocument]
    next_cursor: Annotated[str | None, Field(description="The cursor of the next page; null on the last.")]


class ItemFilters(BaseModel):
    """The query of ``GET /api/v1/jobs/{id}/items``."""

    model_config = ConfigDict(extra="forbid")

    status: Annotated[ItemStatus | None, Field(description="Only pictures in this state.")] = None
    group: Annotated[str | None, Field(max_length=200, description="Only the pictures of this group.")] = None
    cursor: Annotated[str | None, Field(description="next_cursor of the page before.")] = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100

    @property
    def after(self) -> int:
        """The number of the last item of the page before.

        Raises:
            RefusedError: the cursor is none of ours.
        """
        if self.cursor is None:
            return 0
        if not (self.cursor.isascii() and self.cursor.isdigit() and len(self.cursor) < 10):  # noqa: PLR2004 - digits
            detail = "not a cursor of this list"
            raise invalid_request((FieldError("query:cursor", detail, "invalid_cursor"),))
        return int(self.cursor)


@router.get("/jobs/{job_id}/items", operation_id="list_items", responses=documented(401, 404, 422, 503))
async def list_items(
    job_id: JobPath, filters: Annotated[ItemFilters, Query()], services: TheServices, tenant: Tenant
) -> ItemPage:
    """A page of the items of a batch."""
    query = ItemQuery(
        job_id=job_id, status=filters.status, group=filters.group, after=filters.after, limit=filters.limit + 1
    )
    items = await services.batches.items(tenant, query)
    page = items[: filters.limit]
    return ItemPage(
        data=[_item(item) for item in page],
        next_cursor=str(page[-1].number) if len(items) > filters.limit else None,
    )


@router.get(
    "/jobs/{job_id}/report",
    operation_id="get_report",
    status_code=302,
    response_class=RedirectResponse,
    responses=documented(401, 404, 409, 503) | {302: {"description": "The report's manifest.json is at `Location`."}},
)
async def get_report(job_id: JobPath, services: TheServices, tenant: Tenant) -> str:
    """The report of a batch: a redirect to a fresh link to its description."""
    return await services.batches.report(tenant, job_id)


@router.post("/jobs/{job_id}/pause", operation_id="pause_job", responses=documented(401, 404, 409, 422, 503))
async def pause_job(job_id: JobPath, services: TheServices, documents: TheDocuments, tenant: Tenant) -> JobDocument:
    """Take no more pictures of a batch until it is resumed.

    What was taken, at most twice as many as are edited at a time, is finished.
    """
    return documents.document(await services.batches.pause(tenant, job_id))


@router.post("/jobs/{job_id}/resume", operation_id="resume_job", responses=documented(401, 404, 409, 422, 503))
async def resume_job(job_id: JobPath, services: TheServices, documents: TheDocuments, tenant: Tenant) -> JobDocument:
    """Go on with a paused batch."""
    return documents.document(await services.batches.resume(tenant, job_id))


@router.post(
    "/jobs/{job_id}/retry",
    status_code=202,
    operation_id="retry_job",
    responses=documented(401, 404, 409, 422, 429, 503),
)
async def retry_job(
    job_id: JobPath,
    response: Response,
    services: TheServices,
    documents: TheDocuments,
    tenant: Tenant,
    status: Annotated[
        Literal["failed", "fallback"], Query(description="Which pictures: those that failed, or those that fell back.")
    ] = "failed",
) -> JobDocument:
    """Do a failed job again, or what failed or fell back in a batch, as a new job that is otherwise the same."""
    view = await services.batches.retry(tenant, job_id, ItemStatus(status))
    response.headers["Location"] = f"/api/v1/jobs/{view.job.id}"
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return documents.document(view)


@router.post(
    "/estimate",
    operation_id="estimate_batch",
    response_model=EstimateDocument,
    responses=documented(400, 401, 413, 415, 422, 503),
    openapi_extra={"requestBody": json_content(BatchToolRequest, *SET_REQUESTS)},
)
async def estimate_batch(request: Request, services: TheServices, bodies: TheBodies, tenant: Tenant) -> Any:
    """What a batch would be: how many pictures, what they are expected to cost and how long they would take."""
    async with bodies.parsed(request, one_or_many(BatchToolRequest)) as parsed:
        submission = await run_in_threadpool(parsed.body.submission, tenant=tenant)
        return await services.batches.estimate(submission)


def _item(item: Item) -> ItemDocument:
    output = item.output
    return ItemDocument(
        number=item.number,
        bucket=item.source.bucket if item.source else None,
        key=item.source.key if item.source else None,
        url=item.url,
        group=item.group,
        name=item.name,
        stage=item.stage,
        status=item.status,
        skip_reason=item.skip_reason,
        output_key=output.object.key if output else None,
        source=output.source if output else None,
        provider=output.provider if output else None,
        model=output.model if output else None,
        sha256=output.sha256 if output else None,
        cost_usd=item.cost_usd,
        attempts=len(item.attempts),
        started_at=item.started_at,
        finished_at=item.finished_at,
        warnings=list(item.warnings),
        error=ErrorDocument.model_validate(item.error) if item.error is not None else None,
    )
