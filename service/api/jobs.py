"""Jobs: ask for one, read it, list them, cancel one, fetch its picture."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from service.api.accepting import RETRY_AFTER_SECONDS, accepted_headers, acknowledged, json_content, pointers, receiver
from service.api.authentication import Tenant
from service.api.dependencies import TheBodies, TheDocuments, TheServices
from service.api.headers import IdempotencyKeyHeader, PreferWait
from service.api.job_view import JobDocument, JobPage
from service.api.paging import Filters, JobPath, encoded_cursor
from service.api.problems import SUBMISSION_STATUSES, documented
from service.api.product_sets import SET_REQUESTS, SetRequest, one_or_many
from service.api.requests import JobRequest, checked_parameters
from service.domain.jobs import Contract
from service.domain.payloads import JobCallback
from service.ports.ledger import IdempotencyKey, LedgerUnavailableError
from service.ports.storage import StorageError
from service.usecases.read import JobView
from service.usecases.submissions import Submission

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])


@router.post(
    "",
    status_code=202,
    operation_id="submit_job",
    response_model=JobDocument,
    responses=documented(*SUBMISSION_STATUSES) | {200: {"model": JobDocument, "description": "Ended in time."}},
    openapi_extra={
        "requestBody": json_content(JobRequest, *SET_REQUESTS),
        "callbacks": {"ended": {"{$request.body#/callback_url}": {"post": receiver(JobCallback)}}},
    },
)
async def submit_job(
    request: Request,
    response: Response,
    services: TheServices,
    bodies: TheBodies,
    documents: TheDocuments,
    tenant: Tenant,
    key: IdempotencyKeyHeader,
    wait: PreferWait,
) -> Any:
    """Ask for an operation on a picture, or on the pictures of many products with `items`.

    `Prefer: wait=N` answers 200 with the result if it is ready in time.
    """
    async with bodies.parsed(request, one_or_many(JobRequest), tenant=tenant, idempotency_key=key) as parsed:
        if isinstance(parsed.body, SetRequest):
            # A hundred thousand pictures take a moment to name.
            submission = await run_in_threadpool(parsed.body.submission, tenant=tenant, idempotency=parsed.idempotency)
            accepted = await services.accept_batch(submission)
        else:
            accepted = await services.accept(_submission(parsed.body, tenant, parsed.idempotency))
    try:
        if wait is None:
            view = await services.read.get(tenant, accepted.job_id)
        else:
            view = await services.read.wait(tenant, accepted.job_id, wait)
    except (LedgerUnavailableError, StorageError):
        return acknowledged(accepted)  # it stands, whatever failed after that: an error would invite a second one
    response.headers.update(accepted_headers(accepted))
    if wait is not None and view.job.finished:
        response.status_code = 200
        response.headers["Preference-Applied"] = f"wait={wait}"
        del response.headers["Retry-After"]
    return documents.document(view)


def _submission(body: JobRequest, tenant: str, idempotency: IdempotencyKey | None) -> Submission:
    return Submission(
        tenant=tenant,
        contract=Contract.JOBS,
        operation=body.operation,
        prompt=body.prompt,
        source=body.source,
        filename=body.filename,
        mask=body.mask_base64,
        parameters=checked_parameters(body.operation, body.parameters),
        provider=body.provider,
        callback_url=body.callback_url,
        metadata=body.metadata,
        retry_possibly_billed=body.retry_possibly_billed,
        deadline_seconds=body.deadline_seconds,
        idempotency=idempotency,
        pointers=pointers(body.source_pointer, "/callback_url"),
    )


@router.get("", operation_id="list_jobs", responses=documented(401, 422, 503))
async def list_jobs(filters: Filters, services: TheServices, documents: TheDocuments, tenant: Tenant) -> JobPage:
    """A page of jobs, newest first."""
    views = await services.read.list(filters.query(tenant))
    page = views[: filters.limit]
    more = len(views) > filters.limit
    return JobPage(
        data=[documents.summary(view) for view in page],
        next_cursor=encoded_cursor(page[-1].job.id) if more else None,
    )


@router.get("/{job_id}", operation_id="get_job", responses=documented(401, 404, 503))
async def get_job(
    job_id: JobPath, response: Response, services: TheServices, documents: TheDocuments, tenant: Tenant
) -> JobDocument:
    """One job, with a fresh link to its picture. `Retry-After` says when to look again while it is not finished."""
    return _shown(await services.read.get(tenant, job_id), response, documents)


@router.post(
    "/{job_id}/cancel",
    operation_id="cancel_job",
    responses=documented(401, 404, 409, 503) | {202: {"model": JobDocument, "description": "Being canceled."}},
)
async def cancel_job(
    job_id: JobPath, response: Response, services: TheServices, documents: TheDocuments, tenant: Tenant
) -> JobDocument:
    """Cancel a job; a paid call that is under way is left, and may be charged."""
    view = await services.cancel(tenant, job_id)
    if not view.job.finished:
        response.status_code = 202
    return _shown(view, response, documents)


def _shown(view: JobView, response: Response, documents: TheDocuments) -> JobDocument:
    if not view.job.finished:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return documents.document(view)


@router.get(
    "/{job_id}/output",
    operation_id="get_output",
    status_code=302,
    response_class=RedirectResponse,
    responses=documented(401, 404, 409, 410, 503) | {302: {"description": "The picture is at `Location`."}},
)
async def get_output(job_id: JobPath, services: TheServices, tenant: Tenant) -> str:
    """The picture that came out: a redirect to a fresh link."""
    return await services.read.output(tenant, job_id)
