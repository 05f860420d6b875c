"""The bodies of requests."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Self

import pybase64
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from service.api.failures import field_errors, invalid_request
from service.domain.operations import OPERATIONS, EditParameters
from service.usecases.submissions import BatchSubmission, InlineSource, LinkedSource, ObjectSource

_DATA_PREFIX_BYTES = 256  # a data: URL says its media type before the comma, in far less


def _decoded(text: bytes) -> bytes:
    """The bytes behind base64 (RFC 4648 section 4), with or without a ``data:`` prefix."""
    start = 0
    if text[:5].lower() == b"data:":
        start = text.find(b",", 0, _DATA_PREFIX_BYTES) + 1
        if not text[:start].lower().endswith(b";base64,"):
            raise PydanticCustomError("invalid_base64", "a data: prefix must end with ';base64,'")
    try:
        return pybase64.b64decode(memoryview(text)[start:], validate=True)
    except (binascii.Error, ValueError):
        raise PydanticCustomError(
            "invalid_base64",
            "not valid base64: letters, digits, + and / with padding, no line breaks (RFC 4648 section 4)",
        ) from None


def _printable(text: str) -> str:
    if "\0" in text:  # databases refuse it
        raise PydanticCustomError("invalid_text", "must not contain a NUL character")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank_text", "must not be blank")
    return text


def _known_operation(name: str) -> str:
    if name not in OPERATIONS:
        raise PydanticCustomError("unknown_operation", "must be one of: {known}", {"known": ", ".join(OPERATIONS)})
    return name


_Printable = AfterValidator(_printable)

# The limits stand before the validators: only so are they limits of a string, with messages that say so.
Prompt = Annotated[str, Field(min_length=1, max_length=32_000), _Printable, AfterValidator(_not_blank)]
Filename = Annotated[str, Field(max_length=255), _Printable]
Bucket = Annotated[str, Field(min_length=1, max_length=255), _Printable]
Key = Annotated[str, Field(min_length=1, max_length=1024), _Printable]
Prefix = Annotated[str, Field(max_length=1024), _Printable]
Url = Annotated[str, Field(min_length=1, max_length=8192), _Printable]
JobId = Annotated[str, Field(pattern=r"^job_[0-9a-f]{32}$")]
ProviderName = Annotated[str, Field(min_length=1, max_length=64), _Printable]
Label = Annotated[str, Field(min_length=1, max_length=64), _Printable]
Remark = Annotated[str, Field(max_length=512), _Printable]
Base64Picture = Annotated[
    bytes, AfterValidator(_decoded), WithJsonSchema({"type": "string", "contentEncoding": "base64"})
]

OperationName = Annotated[
    str,
    AfterValidator(_known_operation),
    WithJsonSchema({"type": "string", "enum": list(OPERATIONS)}),
    Field(description="What is asked for; see GET /api/v1/operations."),
]
Parameters = Annotated[
    dict[str, Any],
    WithJsonSchema({"anyOf": [operation.parameters.model_json_schema() for operation in OPERATIONS.values()]}),
    Field(description="The parameters of the operation."),
]
Provider = Annotated[ProviderName | None, Field(description="Who shall do it; see GET /api/v1/providers.")]
CallbackUrl = Annotated[Url | None, Field(description="Where the result is posted to, signed.")]
Metadata = Annotated[
    dict[Label, Remark], Field(max_length=16, description="Up to 16 texts of your own, given back with the job.")
]
RetryPossiblyBilled = Annotated[
    bool, Field(description="Ask the provider again when its answer was lost, although it may charge twice.")
]
OutputBucket = Annotated[Bucket | None, Field(description="Configured bucket for the results.")]
Concurrency = Annotated[int | None, Field(ge=1, le=1000, description="How many pictures are worked on at a time.")]
MaxCost = Annotated[
    float | None,
    Field(ge=0, allow_inf_nan=False, description="Stop paying when the cost in US dollars reaches this."),
]
DryRun = Annotated[bool, Field(description="Only count the pictures and estimate cost and time.")]

_PROMPT = Field(description="What to do with the picture, in plain language.")
_FILENAME = Field(description="Name of the picture; the output is named after it.")
_PICTURE = Field(description="The picture, base64; a data: prefix is accepted.")

_POINTERS: Mapping[type, str] = {
    InlineSource: "/image_base64",
    LinkedSource: "/image_url",
    ObjectSource: "/object_key",
}


class Body(BaseModel):
    """A request body: a field that is not known is a mistake, not noise."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Base64ToolRequest(Body):
    """The body of ``/process-image-async-b64``."""

    prompt: Annotated[Prompt, _PROMPT]
    image_base64: Annotated[Base64Picture, _PICTURE]
    filename: Annotated[Filename | None, _FILENAME] = None

    @property
    def source(self) -> InlineSource:
        """The picture that goes in."""
        return InlineSource(self.image_base64)

    @property
    def source_pointer(self) -> str:
        """Where the picture stood in the body."""
        return "/image_base64"


class OneSource(Body):
    """A body that names one picture in one of three ways."""

    prompt: Annotated[Prompt, _PROMPT]
    filename: Annotated[Filename | None, _FILENAME] = None
    image_base64: Annotated[Base64Picture | None, _PICTURE] = None
    image_url: Annotated[Url | None, Field(description="Where the picture is downloaded from.")] = None
    object_key: Annotated[Key | None, Field(description="Key of the picture in a configured bucket.")] = None
    bucket: Annotated[
        Bucket | None, Field(description="The configured bucket of object_key, when it is not the input bucket.")
    ] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [value for value in (self.image_base64, self.image_url, self.object_key) if value is not None]
        if len(given) != 1:
            raise PydanticCustomError("one_source", "give exactly one of image_base64, image_url and object_key")
        if self.bucket is not None and self.object_key is None:
            raise PydanticCustomError("bucket_without_key", "bucket belongs to object_key")
        return self

    @property
    def source(self) -> InlineSource | LinkedSource | ObjectSource:
        """The picture that goes in."""
        if self.image_base64 is not None:
            return InlineSource(self.image_base64)
        if self.image_url is not None:
            return LinkedSource(self.image_url)
        assert self.object_key is not None  # noqa: S101 - one of the three is given
        return ObjectSource(self.object_key, self.bucket)

    @property
    def source_pointer(self) -> str:
        """Where the picture stood in the body."""
        return _POINTERS[type(self.source)]


class ObjectToolRequest(OneSource):
    """The body of ``/process-image-async``: exactly one of image_base64, image_url and object_key."""


class BatchToolRequest(Body):
    """The body of ``/batch-process-images``."""

    prompt: Annotated[Prompt, Field(description="What to do with every picture, in plain language.")]
    bucket: Annotated[Bucket | None, Field(description="Configured bucket of the pictures.")] = None
    prefix: Annotated[Prefix | None, Field(description="Only keys that start so; default as configured.")] = None
    output_bucket: OutputBucket = None
    output_prefix: Annotated[Prefix | None, Field(description="Key prefix of the results; default as configured.")] = (
        None
    )
    include: Annotated[
        list[Key] | None, Field(max_length=100, description="Only keys that match one of these globs.")
    ] = None
    exclude: Annotated[
        list[Key] | None, Field(max_length=100, description="No keys that match one of these globs.")
    ] = None
    max_items: Annotated[int | None, Field(ge=1, description="At most so many pictures.")] = None
    concurrency: Concurrency = None
    max_cost_usd: MaxCost = None
    dry_run: DryRun = False
    skip_existing: Annotated[bool, Field(description="Pass over pictures whose result exists already.")] = False
    only_failed_of: Annotated[
        JobId | None, Field(description="Only the pictures that failed in this earlier batch, by its job_id.")
    ] = None
    redo_fallbacks_of: Annotated[
        JobId | None, Field(description="Only the pictures that fell back in this earlier batch, by its job_id.")
    ] = None

    manifest: Annotated[
        Key | None,
        Field(description="Key of a CSV in the bucket with bucket and key in front of each row, such as a report."),
    ] = None
    parameters: Annotated[
        EditParameters | None, Field(description="Format and size of the results, and what else an edit takes.")
    ] = None

    @model_validator(mode="after")
    def _one_selection(self) -> Self:
        if sum(given is not None for given in (self.only_failed_of, self.redo_fallbacks_of, self.manifest)) > 1:
            raise PydanticCustomError(
                "one_selection", "give at most one of only_failed_of, redo_fallbacks_of and manifest"
            )
        return self

    def submission(self, **more: Any) -> BatchSubmission:
        """The request in the words of the use cases; `more` is what did not stand in the body."""
        given = {} if self.parameters is None else self.parameters.model_dump(mode="json", exclude_none=True)
        fields = self.model_dump(include=set(BatchToolRequest.model_fields)) | {
            "include": tuple(self.include or ()),
            "exclude": tuple(self.exclude or ()),
            "parameters": given,
        }
        return BatchSubmission(**fields, **more)


class JobRequest(OneSource):
    """The body of ``POST /api/v1/jobs``: exactly one of image_base64, image_url and object_key."""

    operation: OperationName
    mask_base64: Annotated[
        Base64Picture | None, Field(description="Where to edit: transparent, or white without alpha; base64.")
    ] = None
    parameters: Parameters = Field(default_factory=dict)
    provider: Provider = None
    callback_url: CallbackUrl = None
    metadata: Metadata = Field(default_factory=dict)
    deadline_seconds: Annotated[
        float | None,
        Field(ge=1, le=604_800, allow_inf_nan=False, description="A job not begun by then expires."),
    ] = None
    retry_possibly_billed: RetryPossiblyBilled = False


def checked_parameters(operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters that were given, validated as the operation declares them.

    Raises:
        RefusedError: naming the fields.
    """
    try:
        checked = OPERATIONS[operation].parameters.model_validate(parameters)
    except ValidationError as error:
        raise invalid_request(field_errors(error, prefix="/parameters")) from None
    return checked.model_dump(mode="json", exclude_none=True)


class CallbackTestRequest(Body):
    """The body of ``POST /api/v1/callbacks/test``."""

    url: Annotated[Url, Field(description="Where the test message is posted to.")]
