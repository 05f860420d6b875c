"""``/`` for people, the same as a short index for programs, and the files of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel

from service.api.dependencies import TheOptions, TheServices
from service.api.page.assets import Asset, load_assets
from service.api.page.content_policy import content_policy
from service.domain.refusals import RefusalCode, RefusedError

_READ = ["GET", "HEAD"]
_PAGE = "index.html"
_ELSEWHERE = {
    "tools": "/openapi/tools.json",
    "mcp": "/mcp",
    "openapi": "/openapi.json",
    "docs": "/docs",
    "jobs": "/api/v1/jobs",
    "ready": "/api/v1/health/ready",
    "metrics": "/metrics",
}

Accept = Annotated[str, Header()]
IfNoneMatch = Annotated[str, Header()]


class Index(BaseModel):
    """What answers here, and where to go on; nothing of it is secret."""

    name: str
    version: str
    key_needed: bool
    urls: dict[str, str]


def page_router() -> APIRouter:
    """The routes of the page."""
    router = APIRouter(include_in_schema=False)
    assets = load_assets()

    @router.api_route("/", methods=_READ)
    async def page(
        request: Request,
        services: TheServices,
        options: TheOptions,
        accept: Accept = "",
        if_none_match: IfNoneMatch = "",
    ) -> Response:
        """The page, or the index where JSON alone is accepted."""
        headers = {"Vary": "Accept", "Cache-Control": "no-cache"}
        if "application/json" in accept and "text/html" not in accept:
            index = Index(
                name=request.app.title,
                version=request.app.version,
                key_needed=bool(options.api_keys),
                urls={name: options.public_url + path for name, path in _ELSEWHERE.items()},
            )
            return Response(index.model_dump_json(), media_type="application/json", headers=headers)
        headers["Content-Security-Policy"] = content_policy(services.storage)
        return _answer(assets[_PAGE], if_none_match, headers)

    @router.api_route("/page/{name}", methods=_READ)
    async def asset(name: str, if_none_match: IfNoneMatch = "") -> Response:
        """One of the files that the page refers to."""
        if name == _PAGE or name not in assets:
            raise RefusedError(RefusalCode.NOT_FOUND, "there is nothing at this path")
        return _answer(assets[name], if_none_match, {"Cache-Control": "max-age=60"})

    return router


def _answer(asset: Asset, if_none_match: str, headers: Mapping[str, str]) -> Response:
    """The file, or 304 where the caller has it (RFC 9110 section 13.1.2)."""
    headers = {**headers, "ETag": asset.etag}
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    if asset.etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(asset.content, media_type=asset.media_type, headers=headers)
