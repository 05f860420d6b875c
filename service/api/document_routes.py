"""The documents as served: the agent tools for importers, and a page that shows the whole API."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from service.api.dependencies import TheOptions
from service.api.tool_document import as_yaml, tool_document

router = APIRouter(include_in_schema=False)

_PAGE_FILES = "/docs/files"
_PAGE_POLICY = (
    "default-src 'none'; connect-src 'self'; frame-ancestors 'none'; img-src 'self' data:; "
    "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
)


@router.get("/openapi/tools.json")
async def tools_json(options: TheOptions) -> dict[str, Any]:
    """The agent tools as JSON."""
    return tool_document(options)


@router.get("/openapi/tools.yaml", response_class=Response)
async def tools_yaml(options: TheOptions) -> Response:
    """The agent tools as YAML."""
    return Response(as_yaml(tool_document(options)), media_type="application/yaml")


@router.get("/docs", response_class=HTMLResponse)
async def docs() -> HTMLResponse:
    """A page to read and try the API."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Afterimage",
        swagger_js_url=f"{_PAGE_FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{_PAGE_FILES}/swagger-ui.css",
        swagger_favicon_url=f"{_PAGE_FILES}/favicon.png",
    )
    page.headers["Content-Security-Policy"] = _PAGE_POLICY
    return page


def mount_page_files(app: FastAPI) -> None:
    """Serve what the page needs from here: where it is opened there may be no way to the internet."""
    app.mount(_PAGE_FILES, StaticFiles(packages=[("fastapi_offline", "static")]))
