"""The full document (OpenAPI 3.1): FastAPI's own, completed with what FastAPI does not see."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.api.events import EventDocument
from service.api.problems import Problem
from service.api.product_sets import SET_REQUESTS
from service.api.requests import CallbackTestRequest, JobRequest
from service.api.tools import TOOLS
from service.domain.payloads import JobCallback

_UNSEEN: tuple[type[BaseModel], ...] = (
    *(tool.request for tool in TOOLS),
    *(tool.callback for tool in TOOLS),
    JobRequest,
    *SET_REQUESTS,
    JobCallback,
    CallbackTestRequest,
    EventDocument,
    Problem,
)
"""Models of bodies that are read or written as streams, of callbacks and of errors: routes refer to them by name."""

_FOREIGN = {"HTTPValidationError", "ValidationError"}


def full_document(app: FastAPI) -> dict[str, Any]:
    """The document of every route of an application."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version=app.openapi_version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        servers=app.servers,
        separate_input_output_schemas=False,
    )
    _, unseen = models_json_schema(
        [(model, "validation") for model in _UNSEEN], ref_template="#/components/schemas/{model}"
    )
    schemas = document["components"]["schemas"] | unseen["$defs"]
    document["components"]["schemas"] = {name: schemas[name] for name in sorted(schemas) if name not in _FOREIGN}
    for path in document["paths"].values():
        for operation in path.values():
            _drop_foreign(operation["responses"])
    return document


def _drop_foreign(responses: dict[str, Any]) -> None:
    """FastAPI documents its own 422 for every route with a path parameter; here those answer 404."""
    content = responses.get("422", {}).get("content", {})
    if "application/json" in content:
        del responses["422"]
