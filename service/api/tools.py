"""The agent tools: three routes that answer 202 at once and post the result to ``callbackUrl``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from service.api.accepting import AcceptedDocument, acknowledged, json_content, pointers, receiver
from service.api.authentication import Tenant
from service.api.dependencies import TheBodies, TheServices
from service.api.headers import CallbackUrlHeader, IdempotencyKeyHeader
from service.api.problems import SUBMISSION_STATUSES, documented
from service.api.requests import Base64ToolRequest, BatchToolRequest, ObjectToolRequest
from service.api.services import Services
from service.domain.jobs import Contract
from service.domain.payloads import Base64ToolCallback, BatchToolCallback, ObjectToolCallback
from service.ports.ledger import Accepted, IdempotencyKey
from service.usecases.submissions import Submission

CALLBACK_HEADER = "callbackUrl"
CALLBACK_EXPRESSION = "{$request.header.callbackUrl}"

_POINTER = f"header:{CALLBACK_HEADER}"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asked, where the result goes, and the key that makes asking again harmless."""

    tenant: str
    callback_url: str
    idempotency: IdempotencyKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One agent tool: its route and both of its entries in the OpenAPI documents come from here.

    Attributes:
        description: What the agent reads to choose the tool; importers cut it at 300 characters.
        callback: The model of what is posted when the job has ended.
    """

    path: str
    operation_id: str
    summary: str
    description: str
    request: type[BaseModel]
    callback: type[BaseModel]
    submit: Callable[[Services, Any, Caller], Awaitable[Accepted]]


async def _submit_base64(services: Services, body: Base64ToolRequest, caller: Caller) -> Accepted:
    return await services.accept(_submission(Contract.TOOL_BASE64, body, caller))


async def _submit_object(services: Services, body: ObjectToolRequest, caller: Caller) -> Accepted:
    return await services.accept(_submission(Contract.TOOL_OBJECT, body, caller))


def _submission(contract: Contract, body: Base64ToolRequest | ObjectToolRequest, caller: Caller) -> Submission:
    return Submission(
        tenant=caller.tenant,
        contract=contract,
        prompt=body.prompt,
        source=body.source,
        filename=body.filename,
        callback_url=caller.callback_url,
        idempotency=caller.idempotency,
        pointers=pointers(body.source_pointer, _POINTER),
    )


async def _submit_batch(services: Services, body: BatchToolRequest, caller: Caller) -> Accepted:
    return await services.accept_batch(
        body.submission(
            tenant=caller.tenant,
            callback_url=caller.callback_url,
            idempotency=caller.idempotency,
            pointers={"callback_url": _POINTER},
        )
    )


TOOLS = (
    Tool(
        path="/process-image-async-b64",
        operation_id="process_image_async_b64",
        summary="Edit a picture, get it back as base64",
        description="Edits one picture as a prompt says. The picture comes as base64; the edited picture comes back as "
        "base64 with the callback.",
        request=Base64ToolRequest,
        callback=Base64ToolCallback,
        submit=_submit_base64,
    ),
    Tool(
        path="/process-image-async",
        operation_id="process_image_async",
        summary="Edit a picture, get a link to it",
        description="Edits one picture as a prompt says. Give exactly one of image_base64, image_url and object_key. "
        "The callback brings a link to the edited picture and its key in the output bucket.",
        request=ObjectToolRequest,
        callback=ObjectToolCallback,
        submit=_submit_object,
    ),
    Tool(
        path="/batch-process-images",
        operation_id="batch_process_images",
        summary="Edit all pictures of a bucket",
        description="Edits every picture of a bucket, or of a part of it, with the same prompt and stores the results "
        "in the output bucket. One callback at the end brings the counts and the first errors.",
        request=BatchToolRequest,
        callback=BatchToolCallback,
        submit=_submit_batch,
    ),
)


def tools_router() -> APIRouter:
    """The routes of the agent tools."""
    router = APIRouter(tags=["agent tools"])
    for tool in TOOLS:
        router.add_api_route(
            tool.path,
            _endpoint(tool),
            methods=["POST"],
            operation_id=tool.operation_id,
            summary=tool.summary,
            description=tool.description,
            status_code=202,
            response_model=AcceptedDocument,
            responses=documented(*SUBMISSION_STATUSES),
            openapi_extra={
                "requestBody": json_content(tool.request),
                "callbacks": {"callback": {CALLBACK_EXPRESSION: {"post": receiver(tool.callback)}}},
            },
        )
    return router


def _endpoint(tool: Tool) -> Callable[..., Awaitable[JSONResponse]]:
    async def accept(
        request: Request,
        services: TheServices,
        bodies: TheBodies,
        tenant: Tenant,
        callback_url: CallbackUrlHeader,
        key: IdempotencyKeyHeader,
    ) -> JSONResponse:
        async with bodies.parsed(
            request, tool.request, tenant=tenant, callback_url=callback_url, idempotency_key=key
        ) as parsed:
            caller = Caller(tenant, callback_url, parsed.idempotency)
            return acknowledged(await tool.submit(services, parsed.body, caller))

    return accept
