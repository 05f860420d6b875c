"""What routes ask FastAPI for. All of it was built at start and hangs on the application."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.requests import HTTPConnection

from service.api.bodies import Bodies
from service.api.job_view import JobDocuments
from service.api.options import ApiOptions
from service.api.services import Services


async def _services(connection: HTTPConnection) -> Services:
    return cast("Services", connection.app.state.services)


async def _options(request: Request) -> ApiOptions:
    return cast("ApiOptions", request.app.state.options)


async def _bodies(request: Request) -> Bodies:
    return cast("Bodies", request.app.state.bodies)


async def _documents(request: Request) -> JobDocuments:
    return cast("JobDocuments", request.app.state.job_documents)


TheServices = Annotated[Services, Depends(_services)]
TheOptions = Annotated[ApiOptions, Depends(_options)]
TheBodies = Annotated[Bodies, Depends(_bodies)]
TheDocuments = Annotated[JobDocuments, Depends(_documents)]
