"""The tool document (OpenAPI 3.0.3): the agent tools alone, as importers of agent platforms want them.

watsonx Orchestrate makes an asynchronous tool of every operation with ``callbacks``: it fills the header
``callbackUrl`` by itself, takes the 202 schema as acknowledgement and the callback's schema as the tool's output.
Signature headers are sent but not declared, because they would become outputs of the tool.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import yaml
from pydantic import BaseModel

from service.api.accepting import AcceptedDocument
from service.api.options import ApiOptions
from service.api.schema30 import schema30
from service.api.tools import CALLBACK_EXPRESSION, CALLBACK_HEADER, TOOLS, Tool


def tool_document(options: ApiOptions) -> dict[str, Any]:
    """The document with the public URL as the one server; API keys are asked for only where they are configured."""
    document: dict[str, Any] = {
        "openapi": "3.0.3",
        "info": {
            "title": "Afterimage tools",
            "version": version("afterimage"),
            "description": "Edit pictures: answered at once, the result is posted to the callback.",
        },
        "servers": [{"url": options.public_url}],
        "paths": {tool.path: {"post": _operation(tool)} for tool in TOOLS},
    }
    if options.api_keys:
        document["components"] = {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}}
        document["security"] = [{"bearer": []}]
    return document


def as_yaml(document: dict[str, Any]) -> str:
    """A document as YAML, in its own order, wide enough to keep a description on a line."""
    return yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True)


def _operation(tool: Tool) -> dict[str, Any]:
    return {
        "operationId": tool.operation_id,
        "summary": tool.summary,
        "description": tool.description,
        "parameters": [
            {
                "name": CALLBACK_HEADER,
                "in": "header",
                "required": True,
                "description": "Where the result is posted to when the job has ended.",
                "schema": {"type": "string"},
            }
        ],
        "requestBody": _content(tool.request),
        "responses": {
            "202": {"description": "Accepted.", "content": _content(AcceptedDocument)["content"]},
        },
        "callbacks": {
            "callback": {
                CALLBACK_EXPRESSION: {
                    "post": {
                        "requestBody": _content(tool.callback),
                        "responses": {"200": {"description": "Received."}},
                    }
                }
            }
        },
    }


def _content(model: type[BaseModel]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema30(model)}}}
