"""What the routes that accept work share: pointers for refusals, the answer 202, and its documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from service.ports.ledger import Accepted

RETRY_AFTER_SECONDS = 3  # when a poller should look again; an edit takes seconds


class AcceptedDocument(BaseModel):
    """The acknowledgement."""

    accepted: Annotated[bool, Field(description="Always true: the job stands and will be finished.")]
    job_id: Annotated[str, Field(description="Id of the job; the callback carries the same.")]


def pointers(source: str, callback_url: str) -> Mapping[str, str]:
    """Where the parts of a submission stood in the request, for refusals that name the field."""
    return {
        "source": source,
        "callback_url": callback_url,
        "mask": "/mask_base64",
        "parameters": "/parameters",
        "provider": "/provider",
        "bucket": "/bucket",
    }


def accepted_headers(accepted: Accepted) -> dict[str, str]:
    """Where the job is, when to look, and whether it stood already."""
    headers = {"Location": f"/api/v1/jobs/{accepted.job_id}", "Retry-After": str(RETRY_AFTER_SECONDS)}
    if accepted.replayed:
        headers["Idempotency-Replayed"] = "true"
    return headers


def acknowledged(accepted: Accepted) -> JSONResponse:
    """The answer of the agent tools."""
    return JSONResponse({"accepted": True, "job_id": accepted.job_id}, 202, accepted_headers(accepted))


def json_content(*models: type[BaseModel]) -> dict[str, Any]:
    """A request body of OpenAPI that refers to the schema of a model: bodies are read as streams, unseen by FastAPI."""
    schemas = [{"$ref": f"#/components/schemas/{model.__name__}"} for model in models]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def receiver(model: type[BaseModel]) -> dict[str, Any]:
    """The operation that a callback's receiver offers."""
    return {"requestBody": json_content(model), "responses": {"200": {"description": "Received."}}}
