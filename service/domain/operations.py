"""The operations: a closed set, declared once.

The request schema, ``GET /operations``, the documentation and the providers' checks all read this declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

OutputFormat = Literal["png", "jpeg", "webp", "avif"]


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
