"""The operations: a closed set, declared once.

The request schema, ``GET /operations``, the documentation and the providers' checks all read this declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from service.domain.resizing import MAX_TARGET_SIDE

OutputFormat = Literal["png", "jpeg", "webp", "avif"]

DONE_BY_SERVICE = frozenset({"output_format", "target_width", "target_height", "fit"})
"""Parameters that the service itself carries out on what a provider made, where that one does not take them."""


class EditParameters(BaseModel):
    """What can be said about an edit beside the prompt. What is left out is left to the provider."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Annotated[
        str | None,
        Field(
            pattern=r"^(auto|[1-9][0-9]{1,4}x[1-9][0-9]{1,4})$",
            description="Width and height of the output in pixels, for example 1024x1536, or auto.",
        ),
    ] = None
    quality: Annotated[
        Literal["auto", "low", "medium", "high", "xhigh", "max"] | None,
        Field(description="Effort of the model; xhigh and max only where the model knows them."),
    ] = None
    background: Annotated[
        Literal["auto", "transparent", "opaque"] | None,
        Field(description="Background of the output; transparent needs png, webp or avif."),
    ] = None
    output_format: Annotated[OutputFormat | None, Field(description="Format of the output picture.")] = None
    output_compression: Annotated[
        int | None, Field(ge=0, le=100, description="Quality in percent of a jpeg, webp or avif output.")
    ] = None
    input_fidelity: Annotated[
        Literal["low", "high"] | None,
        Field(description="How closely the model keeps to the source, where the model takes it."),
    ] = None
    target_width: Annotated[
        int | None,
        Field(ge=1, le=MAX_TARGET_SIDE, description="Pixels that the finished picture is scaled to, across."),
    ] = None
    target_height: Annotated[
        int | None, Field(ge=1, le=MAX_TARGET_SIDE, description="The same from top to bottom; one of the two will do.")
    ] = None
    fit: Annotated[
        Literal["inside", "contain", "cover"] | None,
        Field(
            description="Where the proportions differ from the target's: inside (default) stays within it, contain is "
            "put on a ground of exactly that size, cover fills it and loses its overhanging edges."
        ),
    ] = None

    @model_validator(mode="after")
    def _fits_something(self) -> Self:
        sides = (self.target_width, self.target_height)
        if self.fit is not None and sides == (None, None):
            raise PydanticCustomError("fit_without_target", "fit belongs to target_width and target_height")
        if self.fit in {"contain", "cover"} and None in sides:
            raise PydanticCustomError("fit_needs_both", "contain and cover need both target_width and target_height")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that can be asked for."""

    name: str
    title: str
    description: str
    parameters: type[BaseModel]
    sources: int  # pictures that go in
    outputs: int  # pictures that come out
    takes_mask: bool
    example: Mapping[str, Any]


EDIT = Operation(
    name="edit",
    title="Edit a picture",
    description="Changes one picture as a prompt in plain language says.",
    parameters=EditParameters,
    sources=1,
    outputs=1,
    takes_mask=True,
    example={"operation": "edit", "prompt": "Make it black and white", "image_url": "https://example.com/cat.jpg"},
)

OPERATIONS: Mapping[str, Operation] = {operation.name: operation for operation in (EDIT,)}
