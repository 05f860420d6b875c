"""What each tool does: the use cases and the routes of the HTTP API, called with a model's arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from service.api.accepting import pointers
from service.api.batches import ItemPage, list_items
from service.api.catalogue import list_operations, list_providers, storage_config
from service.api.job_view import EstimateDocument, JobPage
from service.api.jobs import list_jobs
from service.api.mcp.answers import Answer, ItemsDocument, ServiceDocument, link_to, told
from service.api.mcp.arguments import (
    BatchArguments,
    ItemArguments,
    JobArguments,
    ListArguments,
    NoArguments,
    PictureArguments,
    RetryArguments,
    WaitingArguments,
)
from service.api.mcp.callers import Caller
from service.api.requests import checked_parameters
from service.domain.batches import ItemStatus
from service.domain.jobs import Contract
from service.domain.refusals import RefusalCode, RefusedError
from service.domain.standing import Standing
from service.ports.ledger import Accepted, IdempotencyKey, LedgerUnavailableError
from service.ports.storage import StorageError
from service.usecases.read import JobView
from service.usecases.submissions import Submission

MAX_SHOWN_BYTES = 700_000
"""The largest picture that is shown to a model: in base64 it stays below a megabyte, at which clients cut results."""

_SHOWN = frozenset({"image/png", "image/jpeg", "image/webp"})  # what models can see


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Caller):
    """One call of a tool.

    Attributes:
        idempotency: The caller's key with the digest of the call.
        report: Tells a caller that asked for it how far a job is.
    """

    idempotency: IdempotencyKey | None
    report: Callable[[Standing], Awaitable[None]]


async def operate(operation: str, call: Call, arguments: PictureArguments) -> Answer:
    """Accept a job for one picture, and wait for it where that is wished."""
    submission = Submission(
        tenant=call.tenant,
        contract=Contract.JOBS,
        operation=operation,
        prompt=arguments.prompt,
        source=arguments.source,
        filename=arguments.filename,
        parameters=checked_parameters(operation, arguments.parameters),
        provider=arguments.provider,
        callback_url=arguments.callback_url,
        idempotency=call.idempotency,
        pointers=pointers(arguments.source_pointer, "/callback_url"),
    )
    return await _accepted(call, await call.services.accept(submission), arguments.wait_seconds)


async def start_batch(call: Call, arguments: BatchArguments) -> Answer:
    """Accept a batch."""
    submission = arguments.submission(
        tenant=call.tenant,
        contract=Contract.JOBS_BATCH,
        callback_url=arguments.callback_url,
        idempotency=call.idempotency,
    )
    return await _accepted(call, await call.services.accept_batch(submission), 0)


async def estimate_batch(call: Call, arguments: BatchArguments) -> Answer:
    """Say what a batch would be."""
    submission = arguments.submission(tenant=call.tenant)
    estimate = EstimateDocument.model_validate(await call.services.batches.estimate(submission))
    cost = "an unknown sum" if estimate.cost_usd is None else f"about {estimate.cost_usd:g} US dollars"
    least = "" if estimate.complete else "at least "
    text = f"{least}{estimate.pictures} pictures, {cost} and about {estimate.seconds:.0f} seconds. Nothing was started."
    return Answer(document=estimate, text=text)


async def get_job(call: Call, arguments: WaitingArguments) -> Answer:
    """Show a job, once it has ended or the time is over."""
    return await _shown(call, await _ended(call, arguments.job_id, arguments.wait_seconds))


async def find_jobs(call: Call, arguments: ListArguments) -> Answer:
    """A page of jobs."""
    page = await list_jobs(arguments, call.services, call.documents, call.tenant)
    lines = [f"{job.id} {job.status.value}, {job.operation}, {job.created_at:%Y-%m-%d %H:%M} UTC" for job in page.data]
    return Answer(document=page, text="\n".join([*lines, _more(page)]))


async def cancel_job(call: Call, arguments: JobArguments) -> Answer:
    """Cancel a job."""
    view = await call.services.cancel(call.tenant, arguments.job_id)
    return Answer(document=call.documents.document(view), text=told(view))


async def retry_job(call: Call, arguments: RetryArguments) -> Answer:
    """Do again what failed or fell back."""
    view = await call.services.batches.retry(call.tenant, arguments.job_id, ItemStatus(arguments.status))
    return Answer(document=call.documents.document(view), text=f"A new job: {told(view)}")


async def list_batch_items(call: Call, arguments: ItemArguments) -> Answer:
    """A page of the pictures of a batch, and the report."""
    page = await list_items(arguments.job_id, arguments, call.services, call.tenant)
    document = ItemsDocument(**dict(page), report_url=await _report(call, arguments.job_id))
    lines = [
        f"{item.number} {item.status.value} {item.key or item.url}"
        + (f": {item.error.code}: {item.error.message}" if item.error is not None else "")
        for item in page.data
    ]
    report = "" if document.report_url is None else f" The report: {document.report_url}"
    return Answer(document=document, text="\n".join([*lines, _more(page) + report]))


async def describe_service(call: Call, _arguments: NoArguments) -> Answer:
    """Operations, providers and buckets."""
    document = ServiceDocument(
        operations=(await list_operations(call.tenant)).data,
        providers=(await list_providers(call.services, call.tenant)).data,
        storage=await storage_config(call.services, call.tenant),
    )
    operations, providers = (", ".join(one.name for one in part) for part in (document.operations, document.providers))
    buckets = f"bucket {document.storage.input_bucket} and written to {document.storage.output_bucket}"
    text = f"Operations: {operations}. Providers: {providers}. Pictures are read from {buckets}."
    return Answer(document=document, text=text)


async def _accepted(call: Call, accepted: Accepted, wait_seconds: int) -> Answer:
    try:
        return await _shown(call, await _ended(call, accepted.job_id, wait_seconds))
    except (LedgerUnavailableError, StorageError):
        # It stands, whatever failed after that: an error that can be retried would invite a second one.
        detail = f"{accepted.job_id} was accepted and goes on, but cannot be shown now; do not ask for it a second time"
        raise RefusedError(RefusalCode.UNAVAILABLE, detail) from None


async def _ended(call: Call, job_id: str, wait_seconds: int) -> JobView:
    if wait_seconds:
        standings = await call.services.follow.standings(call.tenant, job_id, tick_seconds=wait_seconds)
        async for standing in standings:
            if standing is None:
                break
            await call.report(standing)
    return await call.services.read.get(call.tenant, job_id)


async def _shown(call: Call, view: JobView) -> Answer:
    link, picture = link_to(view), None
    if link is not None and link.mime_type in _SHOWN:
        picture = await call.services.read.picture(view.job, max_bytes=MAX_SHOWN_BYTES)
    return Answer(document=call.documents.document(view), text=told(view), link=link, picture=picture)


async def _report(call: Call, job_id: str) -> str | None:
    try:
        return await call.services.batches.report(call.tenant, job_id)
    except RefusedError as refused:
        if refused.code != RefusalCode.NOT_READY:
            raise
        return None


def _more(page: JobPage | ItemPage) -> str:
    if page.next_cursor is not None:
        return f"More with cursor {page.next_cursor}."
    return "No more." if page.data else "None."
