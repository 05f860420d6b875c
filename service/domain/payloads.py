"""What callbacks say: the bodies of the messages, as the tool document declares them.

A platform may reject a field that is undeclared, missing or mistyped. So every payload is one of these models, nulls
are dropped, and what is required is also sent on failure.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ToolStatus = Literal["completed", "failed", "canceled"]
BatchStatus = Literal["completed", "completed_with_errors", "failed", "canceled"]


class ToolCallback(BaseModel):
    """What every tool callback carries."""

    model_config = ConfigDict(extra="forbid")

    status: Annotated[ToolStatus, Field(description="How the job ended.")]
    job_id: Annotated[str, Field(description="The job_id that the acceptance answered with.")]
    filename: Annotated[str | None, Field(description="The file name given with the request.")] = None
    error: Annotated[str | None, Field(description="Why the job failed, in readable words.")] = None
    error_code: Annotated[str | None, Field(description="Why the job failed, as a stable code.")] = None
    source: Annotated[
        Literal["provider", "fallback"] | None,
        Field(description="Who made the picture: the model that was asked, or the labelled local fallback."),
    ] = None
    provider: Annotated[str | None, Field(description="Name of the provider that made the picture.")] = None
    fallback_reason: Annotated[
        str | None, Field(description="Why the local fallback was used, for example billing_exhausted.")
    ] = None
    provider_error_code: Annotated[
        str | None, Field(description="The provider's own error code behind a fallback or a failure.")
    ] = None
    warnings: Annotated[
        list[str] | None, Field(description="What was changed or could not be done, in readable words.")
    ] = None


class Base64ToolCallback(ToolCallback):
    """The callback of ``/process-image-async-b64``."""

    result_image_base64: Annotated[str | None, Field(description="The resulting picture, base64.")] = None
    result_mime_type: Annotated[str | None, Field(description="Media type of the resulting picture.")] = None


class ObjectToolCallback(ToolCallback):
    """The callback of ``/process-image-async``."""

    object_key: Annotated[str | None, Field(description="Key of the resulting picture in the output bucket.")] = None
    result_url: Annotated[str | None, Field(description="Link from which the picture can be downloaded.")] = None
    expires_in: Annotated[int | None, Field(description="Seconds for which the link works.")] = None


class BatchToolCallback(BaseModel):
    """The callback of ``/batch-process-images``."""

    model_config = ConfigDict(extra="forbid")

    status: Annotated[BatchStatus, Field(description="How the batch ended.")]
    job_id: Annotated[str, Field(description="The job_id that the acceptance answered with.")]
    total_files: Annotated[int, Field(description="Pictures found.")]
    total_files_processed: Annotated[int, Field(description="Pictures edited by the model or locally.")]
    processed: Annotated[int, Field(description="Pictures edited by the model.")]
    failed: Annotated[int, Field(description="Pictures that could not be edited.")]
    fallback_local: Annotated[int, Field(description="Pictures edited by the labelled local fallback.")]
    skipped: Annotated[int, Field(description="Objects that were passed over.")]
    duration_seconds: Annotated[float, Field(description="Time from the start to the end of the batch.")]
    output_bucket: Annotated[str, Field(description="Bucket of the resulting pictures.")]
    output_prefix: Annotated[str, Field(description="Key prefix of the resulting pictures.")]
    errors: Annotated[list[str], Field(description="The first errors, at most 20.")]
    error: Annotated[str | None, Field(description="Why the whole batch failed, in readable words.")] = None
    error_code: Annotated[str | None, Field(description="Why the whole batch failed, as a stable code.")] = None
    report_url: Annotated[str | None, Field(description="Link to the full report.")] = None
    cost_usd: Annotated[float | None, Field(description="Estimated cost in US dollars, where prices are known.")] = None
    dry_run: Annotated[bool | None, Field(description="True when pictures were only counted.")] = None
    total_bytes: Annotated[int | None, Field(description="Bytes of the pictures counted by a dry run.")] = None
    estimated_seconds: Annotated[float | None, Field(description="Expected time, told by a dry run.")] = None


class JobCallback(BaseModel):
    """The callback of ``POST /api/v1/jobs``, in the envelope of Standard Webhooks.

    `data` is the job as ``GET /api/v1/jobs/{id}`` shows it at that moment.
    """

    type: Literal["job.succeeded", "job.partially_succeeded", "job.failed", "job.canceled", "callback.test"]
    timestamp: str
    data: dict[str, Any]
