"""What the tools take: the bodies of the HTTP API, with what stands in its headers, paths and queries beside them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.api.batches import ItemFilters
from service.api.headers import MAX_WAIT_SECONDS
from service.api.paging import JobFilters
from service.api.requests import (
    Base64Picture,
    BatchToolRequest,
    Body,
    CallbackUrl,
    JobId,
    OneSource,
    Parameters,
    Provider,
)

Job = Annotated[JobId, Field(description="Id of the job, as edit_image, start_batch or list_jobs gave it.")]
WaitSeconds = Annotated[
    int,
    Field(
        ge=0,
        le=MAX_WAIT_SECONDS,
        description="Wait up to so many seconds for the job to end, and answer as soon as it has; 0 (default) answers "
        "at once.",
    ),
]
IdempotencyKey = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=255,
        pattern=r"^[ -~]+$",
        description="A name of your choice for this request. Sent again with the same name and the same arguments "
        "within 24 hours it is the same job, not a second one: use it where you may have to repeat a call.",
    ),
]

AROUND = frozenset({"idempotency_key", "wait_seconds"})
"""Arguments that say nothing about what is asked for."""


class PictureArguments(OneSource):
    """What an operation on one picture takes: exactly one of image_base64, image_url and object_key."""

    image_base64: Annotated[
        Base64Picture | None, Field(description="The picture, base64, up to 6 MB; larger ones only by URL or key.")
    ] = None
    parameters: Parameters = Field(default_factory=dict)
    provider: Annotated[
        Provider, Field(description="Who shall do it, by a name from describe_service; by default the service chooses.")
    ] = None
    callback_url: CallbackUrl = None
    idempotency_key: IdempotencyKey = None
    wait_seconds: WaitSeconds = 0


class BatchArguments(BatchToolRequest):
    """What a batch takes."""

    callback_url: CallbackUrl = None
    idempotency_key: IdempotencyKey = None


class JobArguments(Body):
    """Which job."""

    job_id: Job


class WaitingArguments(JobArguments):
    """Which job, and how long to wait for it."""

    wait_seconds: WaitSeconds = 0


class RetryArguments(JobArguments):
    """Which job, and what of it."""

    status: Annotated[
        Literal["failed", "fallback"],
        Field(description="What to do again: what failed (default), or what was only made by the local fallback."),
    ] = "failed"


class ListArguments(JobFilters):
    """Which jobs."""

    limit: Annotated[int, Field(ge=1, le=100, description="At most so many jobs; 10 by default.")] = 10


class ItemArguments(ItemFilters):
    """Which pictures of a batch."""

    job_id: Job
    limit: Annotated[int, Field(ge=1, le=1000, description="At most so many pictures; 20 by default.")] = 20


class NoArguments(Body):
    """Nothing."""
