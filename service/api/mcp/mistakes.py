"""What a model is told when a tool could not do what it asked: enough to correct itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from service.domain.refusals import RefusedError

_QUERY = "query:"  # what stands in a query of the HTTP API is an argument like any other here


class Mistake(BaseModel):
    """What is wrong with one argument."""

    argument: Annotated[str, Field(description="JSON pointer (RFC 6901) into the arguments.")]
    code: str
    message: str


class ToolError(BaseModel):
    """An error of a tool; codes are those of the HTTP API."""

    code: str
    message: str
    retryable: Annotated[bool, Field(description="Whether the same call may succeed later.")]
    retry_after_seconds: float | None
    errors: list[Mistake]


def mistake(refused: RefusedError) -> str:
    """A refusal as JSON."""
    return ToolError(
        code=refused.code,
        message=refused.detail.replace(_QUERY, "/"),
        retryable=refused.retryable,
        retry_after_seconds=refused.retry_after_seconds,
        errors=[
            Mistake(argument=error.pointer.replace(_QUERY, "/"), code=error.code, message=error.detail)
            for error in refused.errors
        ],
    ).model_dump_json()
