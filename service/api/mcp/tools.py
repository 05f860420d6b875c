"""The tools that models are offered. One name, one purpose: a model has to choose among them by these words alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from service.api.job_view import EstimateDocument, JobDocument, JobPage
from service.api.mcp import calls
from service.api.mcp.answers import Answer, ItemsDocument, ServiceDocument
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
from service.api.mcp.calls import Call
from service.api.schema30 import schema30
from service.domain.operations import OPERATIONS, Operation

INSTRUCTIONS = (
    "Afterimage edits pictures as a prompt says. Every request becomes a job that is finished even if nobody waits for "
    "it: ask with edit_image or start_batch, then wait with get_job. describe_service names the buckets and providers."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool.

    Attributes:
        operation: Whose parameters the argument `parameters` takes, where there is one.
        reads_only: It changes nothing.
        destroys: It ends something that cannot be brought back.
        repeatable: The same call a second time changes nothing more.
    """

    name: str
    title: str
    description: str
    arguments: type[BaseModel]
    result: type[BaseModel]
    run: Callable[[Call, Any], Awaitable[Answer]]
    operation: Operation | None = None
    reads_only: bool = False
    destroys: bool = False
    repeatable: bool = False

    @property
    def input_schema(self) -> dict[str, Any]:
        """What it takes, in the few keywords that every model's provider understands; nothing else is taken."""
        schema = {"properties": {}} | schema30(self.arguments)
        if self.operation is not None:
            schema["properties"]["parameters"] |= schema30(self.operation.parameters)
        return _closed(schema)

    @property
    def output_schema(self) -> dict[str, Any]:
        """The structured content of its result."""
        return self.result.model_json_schema(mode="serialization", schema_generator=_Untitled)


class _Untitled(GenerateJsonSchema):
    """Without a title for every field that only repeats its name."""

    def field_title_should_be_set(self, _schema: object) -> bool:
        """Whether a field gets one."""
        return False


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object that takes no other properties."""
    properties = {name: _closed(one) if "properties" in one else one for name, one in schema["properties"].items()}
    return schema | {"properties": properties, "additionalProperties": False}


def _operation(operation: Operation) -> Tool:
    return Tool(
        name=f"{operation.name}_image",
        title=operation.title,
        description=f"{operation.description} Give the prompt and exactly one of image_url, image_base64 and "
        "object_key. Answers with the job at once, or with wait_seconds with the finished picture and a link to it if "
        "it is ready by then; an image model takes 10 to 60 seconds. If it is not, ask get_job for it: never ask for "
        f"the same edit again. A result above {calls.MAX_SHOWN_BYTES // 1000} kB is linked and not shown: with "
        "output_format jpeg or webp it is small.",
        arguments=PictureArguments,
        result=JobDocument,
        run=partial(calls.operate, operation.name),
        operation=operation,
    )


TOOLS = (
    *(_operation(operation) for operation in OPERATIONS.values()),
    Tool(
        name="get_job",
        title="Get a job, or wait for it",
        description="Shows one job, a single edit or a batch: status, progress, error, and for a finished edit the "
        "picture with a fresh link. With wait_seconds it answers as soon as the job has ended. Use it after edit_image "
        "and start_batch, and when a link has expired.",
        arguments=WaitingArguments,
        result=JobDocument,
        run=calls.get_job,
        reads_only=True,
    ),
    Tool(
        name="list_jobs",
        title="List jobs",
        description="Lists jobs, newest first, filtered by status and time. Use it to find a job whose id you do not "
        "know; for the pictures within a batch use list_batch_items.",
        arguments=ListArguments,
        result=JobPage,
        run=calls.find_jobs,
        reads_only=True,
    ),
    Tool(
        name="cancel_job",
        title="Cancel a job",
        description="Cancels a queued or running job, a single edit or a batch. What is finished of it is kept; a paid "
        "call to an image model that is under way may still be charged.",
        arguments=JobArguments,
        result=JobDocument,
        run=calls.cancel_job,
        destroys=True,
        repeatable=True,
    ),
    Tool(
        name="retry_job",
        title="Do again what failed",
        description="Starts a new job for what failed in a finished one, or with status fallback for what was only "
        "made by the local fallback: a single edit again, of a batch only those pictures. Answers with the new job.",
        arguments=RetryArguments,
        result=JobDocument,
        run=calls.retry_job,
    ),
    Tool(
        name="start_batch",
        title="Edit all pictures of a bucket",
        description="Edits every picture of a bucket, or of those keys that prefix, include and exclude select, with "
        "one prompt, and stores the results in the output bucket. Answers with the job at once; get_job follows it. "
        "Costs money for each picture: call estimate_batch with the same arguments first, and set max_cost_usd.",
        arguments=BatchArguments,
        result=JobDocument,
        run=calls.start_batch,
    ),
    Tool(
        name="estimate_batch",
        title="Estimate a batch",
        description="Says how many pictures start_batch would edit with the same arguments, what that is expected to "
        "cost and how long it would take. Starts nothing.",
        arguments=BatchArguments,
        result=EstimateDocument,
        run=calls.estimate_batch,
        reads_only=True,
    ),
    Tool(
        name="list_batch_items",
        title="List the pictures of a batch",
        description="Lists the pictures of one batch with the status, output key and error of each, and links to its "
        "report once it has ended. With status failed it shows what failed and why.",
        arguments=ItemArguments,
        result=ItemsDocument,
        run=calls.list_batch_items,
        reads_only=True,
    ),
    Tool(
        name="describe_service",
        title="What the service can do",
        description="Says which operations, providers and buckets there are, which parameters each provider takes, and "
        "whether a provider is well. Use it before naming a provider or a bucket.",
        arguments=NoArguments,
        result=ServiceDocument,
        run=calls.describe_service,
        reads_only=True,
    ),
)
"""All tools, in the order in which they are told."""
