"""The application: every route, handler and header, around the services that bootstrap built."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from service.api import (
    batches,
    catalogue,
    deliveries,
    document_routes,
    events,
    files,
    groups,
    health,
    jobs,
    progress_socket,
)
from service.api.authentication import Authenticator
from service.api.bodies import Bodies
from service.api.envelope import Envelope
from service.api.failures import add_handlers
from service.api.full_document import full_document
from service.api.job_view import JobDocuments
from service.api.mcp import route as mcp
from service.api.options import ApiOptions
from service.api.page.routes import page_router
from service.api.services import Services
from service.api.tools import tools_router

_SUMMARY = "An image-job service for AI agents."
_DESCRIPTION = (
    "Post a picture and a prompt, get 202 at once, receive the signed result at your callback. "
    "Errors are problem documents (RFC 9457). Callbacks are signed as Standard Webhooks say. "
    "Models are offered the same as tools at /mcp (Model Context Protocol over Streamable HTTP)."
)


def create_app(services: Services, options: ApiOptions) -> FastAPI:
    """The application, ready to be served."""
    app = routed_app(options)
    app.state.services = services
    app.state.options = options
    app.state.authenticator = Authenticator(options.api_keys)
    app.state.bodies = Bodies(options)
    app.state.job_documents = JobDocuments(options.public_url)
    return app


def routed_app(options: ApiOptions) -> FastAPI:
    """The application without anything behind its routes: enough to describe it."""
    app = _Application(
        title="Afterimage",
        summary=_SUMMARY,
        description=_DESCRIPTION,
        version=version("afterimage"),
        servers=[{"url": options.public_url}],
        docs_url=None,
        redoc_url=None,
    )
    add_handlers(app)
    app.add_middleware(Envelope)
    app.include_router(page_router())
    app.include_router(tools_router())
    for module in (
        jobs,
        events,
        progress_socket,
        batches,
        groups,
        deliveries,
        catalogue,
        health,
        files,
        document_routes,
        mcp,
    ):
        app.include_router(module.router)
    document_routes.mount_page_files(app)
    return app


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = full_document(self)
        return self.openapi_schema
