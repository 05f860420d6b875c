"""What a process without the API answers: is it alive, is it ready, and its numbers."""

from __future__ import annotations

from fastapi import FastAPI

from service.api import health
from service.api.failures import add_handlers
from service.api.services import Services


def create_probes(services: Services) -> FastAPI:
    """The application of a worker, ready to be served."""
    app = FastAPI(title="Afterimage worker", openapi_url=None)
    add_handlers(app)
    app.include_router(health.router)
    app.state.services = services
    return app
