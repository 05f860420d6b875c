"""Product sets: the pictures of many products in one request, as a list or by their groups."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from service.api.bodies import Shape
from service.api.problems import pointer
from service.api.requests import (
    Body,
    Bucket,
    CallbackUrl,
    Concurrency,
    DryRun,
    Key,
    MaxCost,
    Metadata,
    OperationName,
    OutputBucket,
    Parameters,
    Prefix,
    Prompt,
    Provider,
    RetryPossiblyBilled,
    Url,
    checked_parameters,
)
from service.domain.batches import Staging
from service.domain.jobs import Contract
from service.domain.keys import is_name
from service.usecases.submissions import BatchSubmission, LinkedSource, NamedPicture, ObjectSource

MOST_PICTURES = 100_000
_MAX_COMMAS = 10 * MOST_PICTURES  # each has a few, and URLs may hold more
_INLINE_BYTES = 2**16  # parsed within two milliseconds
_LIST = re.compile(rb'"items"\s*:\s*\[')
_GROUPS = re.compile(rb'"items"\s*:\s*\{')

ModelT = TypeVar("ModelT", bound=BaseModel)


def _plain(name: str) -> str:
    if not is_name(name):
        raise PydanticCustomError(
            "invalid_name", "must be 1 to 200 bytes of visible text without slashes, as it becomes part of a key"
        )
    return name


Name = Annotated[str, AfterValidator(_plain)]


class PictureRequest(Body):
    """One picture of a group: exactly one of url and object_key."""

    url: Annotated[Url | None, Field(description="Where the picture is downloaded from when its turn has come.")] = None
    object_key: Annotated[Key | None, Field(description="Key of the picture in a configured bucket.")] = None
    bucket: Annotated[
        Bucket | None, Field(description="The configured bucket of object_key, when it is not the input bucket.")
    ] = None
    name: Annotated[
        Name | None, Field(description="Its result is named after it; default is the name in the URL or key.")
    ] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.url is None) == (self.object_key is None):
            raise PydanticCustomError("one_source", "give exactly one of url and object_key")
        if self.bucket is not None and self.object_key is None:
            raise PydanticCustomError("bucket_without_key", "bucket belongs to object_key")
        return self

    def picture(self, group: str | None, where: str) -> NamedPicture:
        """The picture in the words of the use cases; `where` is its JSON pointer."""
        source = ObjectSource(self.object_key, self.bucket) if self.object_key else LinkedSource(self.url or "")
        return NamedPicture(source=source, pointer=where, group=group, name=self.name)


class ItemRequest(PictureRequest):
    """One picture with the product that it belongs to: exactly one of url and object_key."""

    group: Annotated[
        Name | None, Field(description="The product, for example its SKU; its first picture is the main one.")
    ] = None


class Prompts(Body):
    """One prompt for each stage."""

    main: Annotated[Prompt, Field(description="For the first picture of each group, and for those of no group.")]
    secondary: Annotated[Prompt, Field(description="For the others.")]


class SetRequest(Body, ABC):
    """What the bodies of product sets have in common."""

    operation: OperationName = "edit"
    prompt: Annotated[Prompt | None, Field(description="What to do with every picture, in plain language.")] = None
    prompts: Annotated[Prompts | None, Field(description="In place of prompt, where stages differ.")] = None
    main_first: Annotated[
        bool,
        Field(
            description="Begin the others of a group only when its main picture has ended, successfully or not; groups "
            "do not wait for each other."
        ),
    ] = False
    parameters: Parameters = Field(default_factory=dict)
    provider: Provider = None
    output_bucket: OutputBucket = None
    output_prefix: Annotated[
        Prefix | None, Field(max_length=500, description="Key prefix of the results; default as configured.")
    ] = None
    concurrency: Concurrency = None
    max_cost_usd: MaxCost = None
    dry_run: DryRun = False
    callback_url: CallbackUrl = None
    metadata: Metadata = Field(default_factory=dict)
    retry_possibly_billed: RetryPossiblyBilled = False

    @model_validator(mode="after")
    def _one_wording(self) -> Self:
        if (self.prompt is None) == (self.prompts is None):
            raise PydanticCustomError("one_prompt", "give either prompt or prompts")
        return self

    @abstractmethod
    def pictures(self) -> Iterator[NamedPicture]:
        """Everything that is named, in order."""

    def submission(self, **more: Any) -> BatchSubmission:
        """The request in the words of the use cases; `more` is what did not stand in the body.

        Raises:
            RefusedError: the parameters are not those of the operation.
        """
        secondary = self.prompts.secondary if self.prompts else None
        return BatchSubmission(
            contract=Contract.JOBS_BATCH,
            prompt=self.prompts.main if self.prompts else self.prompt or "",
            staging=Staging(main_first=self.main_first, secondary_prompt=secondary),
            pictures=tuple(self.pictures()),
            parameters=checked_parameters(self.operation, self.parameters),
            provider=self.provider,
            output_bucket=self.output_bucket,
            output_prefix=self.output_prefix,
            concurrency=self.concurrency,
            max_cost_usd=self.max_cost_usd,
            dry_run=self.dry_run,
            callback_url=self.callback_url,
            metadata=self.metadata,
            retry_possibly_billed=self.retry_possibly_billed,
            **more,
        )


class ProductSetRequest(SetRequest):
    """The body of ``POST /api/v1/jobs`` for many pictures, as a list."""

    items: Annotated[
        list[ItemRequest], Field(min_length=1, max_length=MOST_PICTURES, description="The pictures, in order.")
    ]

    def pictures(self) -> Iterator[NamedPicture]:
        """Everything in the list."""
        for number, item in enumerate(self.items):
            yield item.picture(item.group, pointer(("items", number)))


class GroupedProductSetRequest(SetRequest):
    """The body of ``POST /api/v1/jobs`` for many pictures, by their groups."""

    items: Annotated[
        dict[Name, Annotated[list[PictureRequest], Field(min_length=1)]],
        Field(min_length=1, max_length=MOST_PICTURES, description="The pictures of each product, the main one first."),
    ]

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        if sum(map(len, self.items.values())) > MOST_PICTURES:
            raise PydanticCustomError("too_long", "at most {most} pictures in all", {"most": MOST_PICTURES})
        return self

    def pictures(self) -> Iterator[NamedPicture]:
        """Everything, group by group."""
        for group, items in self.items.items():
            for number, item in enumerate(items):
                yield item.picture(group, pointer(("items", group, number)))


SET_REQUESTS = (ProductSetRequest, GroupedProductSetRequest)


def one_or_many(one: type[ModelT]) -> Callable[[bytes], Shape[ModelT | SetRequest]]:
    """Tells by the bytes of a body whether it is a product set, or what else a route takes.

    A body whose ``items`` is a list or an object is a set. Within a JSON string the quotes around it would be escaped,
    and of the other bodies none that is valid has such a field anywhere; so nothing need be parsed to know.
    """

    def shape(raw: bytes) -> Shape[ModelT | SetRequest]:
        if b'"items"' not in raw:  # a search for plain bytes is many times faster, and pictures are large
            return Shape(one)
        if _LIST.search(raw):
            return Shape(ProductSetRequest, _MAX_COMMAS, _INLINE_BYTES)
        return Shape(GroupedProductSetRequest, _MAX_COMMAS, _INLINE_BYTES) if _GROUPS.search(raw) else Shape(one)

    return shape
