"""Files of the local folder behind signed links; the link is the permission, no key is asked for."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from service.api.dependencies import TheServices
from service.api.problems import ProtocolCode, documented
from service.domain.refusals import RefusalCode, RefusedError
from service.ports.storage import FileLinks, LinkedFile, LinkRefusedError

router = APIRouter(tags=["files"])


@router.api_route(
    "/files/{bucket}/{key:path}",
    methods=["GET", "HEAD"],
    response_class=FileResponse,
    include_in_schema=False,
    responses=documented(403, 404, 410),
)
async def get_file(
    bucket: str, key: str, services: TheServices, expires: str = "", filename: str = "", signature: str = ""
) -> FileResponse:
    """One file, with the media type that its bytes say, offered as a download."""
    if services.files is None:
        raise RefusedError(RefusalCode.NOT_FOUND, "there is nothing at this path")
    file = await run_in_threadpool(_open, services.files, bucket, key, expires, filename, signature)
    return FileResponse(
        file.path,
        media_type=file.mime_type,
        filename=file.filename,
        content_disposition_type="attachment",
        headers={"Cache-Control": "private, max-age=0"},
    )


def _open(files: FileLinks, bucket: str, key: str, expires: str, filename: str, signature: str) -> LinkedFile:
    try:
        return files.open(bucket, key, expires=expires, filename=filename, signature=signature)
    except LinkRefusedError as error:
        code = ProtocolCode.LINK_EXPIRED if error.expired else ProtocolCode.LINK_INVALID
        raise RefusedError(code, str(error)) from None
