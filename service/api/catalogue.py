"""What the service can do and with whom: operations, providers, storage."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from service.api.authentication import Tenant
from service.api.dependencies import TheServices
from service.api.problems import documented
from service.domain.operations import OPERATIONS

router = APIRouter(tags=["catalogue"])


class OperationDocument(BaseModel):
    """One thing that can be asked for."""

    name: str
    title: str
    description: str
    parameters: Annotated[dict[str, Any], Field(description="JSON Schema of the parameters.")]
    sources: Annotated[int, Field(description="Pictures that go in.")]
    outputs: Annotated[int, Field(description="Pictures that come out.")]
    takes_mask: bool
    example: Annotated[dict[str, Any], Field(description="A body for POST /api/v1/jobs.")]


class OperationList(BaseModel):
    """All operations."""

    data: list[OperationDocument]


class ProviderDocument(BaseModel):
    """One configured provider."""

    name: str
    operations: list[str]
    models: Annotated[list[str], Field(description="In order of preference.")]
    parameters: Annotated[dict[str, list[str]], Field(description="Which parameters it takes, by operation.")]
    formats: Annotated[list[str], Field(description="Output formats that it can write.")]
    paid: bool
    takes_mask: bool
    state: Annotated[
        dict[str, Any],
        Field(
            description="How it is now: circuit (closed, open or half_open), paused_until where it asked for a pause, "
            "concurrency_limit and calls_per_minute of all processes; in_flight and waiting are calls of this process."
        ),
    ]


class ProviderList(BaseModel):
    """All configured providers."""

    data: list[ProviderDocument]


class StorageDocument(BaseModel):
    """Where pictures are; never a secret."""

    storage: Annotated[str, Field(description="cos, r2 or folder.")]
    endpoint: str | None
    region: str | None
    input_bucket: str
    output_bucket: str
    input_prefix: str
    output_prefix: str
    presign_expires: Annotated[int, Field(description="Seconds for which links work.")]


@router.get("/api/v1/operations", operation_id="list_operations", responses=documented(401))
async def list_operations(_tenant: Tenant) -> OperationList:
    """What can be asked for."""
    return OperationList(
        data=[
            OperationDocument(
                name=operation.name,
                title=operation.title,
                description=operation.description,
                parameters=operation.parameters.model_json_schema(),
                sources=operation.sources,
                outputs=operation.outputs,
                takes_mask=operation.takes_mask,
                example=dict(operation.example),
            )
            for operation in OPERATIONS.values()
        ]
    )


@router.get("/api/v1/providers", operation_id="list_providers", responses=documented(401, 503))
async def list_providers(services: TheServices, _tenant: Tenant) -> ProviderList:
    """Who can do it, and how they are."""
    return ProviderList(
        data=[
            ProviderDocument(
                name=name,
                operations=sorted(can.operations),
                models=list(can.models),
                parameters={operation: sorted(names) for operation, names in can.parameters.items()},
                formats=sorted(can.formats),
                paid=can.paid,
                takes_mask=can.mask_max_bytes is not None,
                state=dict(state),
            )
            for name, can, state in await services.providers()
        ]
    )


@router.get("/cos/config", operation_id="storage_config", responses=documented(401))
async def storage_config(services: TheServices, _tenant: Tenant) -> StorageDocument:
    """Where pictures are read from and written to, in the predecessor's words."""
    storage = services.storage
    return StorageDocument(
        storage=storage.kind,
        endpoint=storage.endpoint,
        region=storage.region,
        input_bucket=storage.input_bucket,
        output_bucket=storage.output_bucket,
        input_prefix=storage.input_prefix,
        output_prefix=storage.output_prefix,
        presign_expires=storage.presign_expires_seconds,
    )
