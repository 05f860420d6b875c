"""How far a job is, told through a WebSocket (RFC 6455)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Literal

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel

from service.api.dependencies import TheServices
from service.api.paging import JobPath
from service.api.socket_access import SocketTenant
from service.domain.jobs import JobStatus
from service.domain.standing import JobStage, Standing

router = APIRouter(prefix="/api/v1/ws")

PROTOCOL = "afterimage.progress"
_PING_SECONDS = 10
_PING = '{"type":"ping"}'
_NORMAL, _RESTARTING = 1000, 1012  # close codes; the second from IANA's registry


class ProgressMessage(BaseModel):
    """How far a job is; `complete` is the last, with the final status."""

    type: Literal["progress", "complete"]
    job_id: str
    status: JobStatus
    stage: JobStage
    current: int
    total: int
    percentage: float
    succeeded: int
    fallback: int
    failed: int
    skipped: int
    error_code: str | None


@router.websocket("/progress/{job_id}")
async def watch_progress(socket: WebSocket, job_id: JobPath, services: TheServices, tenant: SocketTenant) -> None:
    """Tell how far a job is, at once and whenever that changes; after `complete` the connection is closed."""
    standings = await services.follow.standings(tenant, job_id, tick_seconds=_PING_SECONDS)
    await socket.accept(PROTOCOL if PROTOCOL in socket.scope["subprotocols"] else None)
    async with asyncio.TaskGroup() as tasks:
        telling = tasks.create_task(_tell(socket, standings))
        await _closed(socket)
        telling.cancel()


async def _tell(socket: WebSocket, standings: AsyncIterator[Standing | None]) -> None:
    code = _RESTARTING
    with suppress(WebSocketDisconnect):
        async for standing in standings:
            await socket.send_text(_PING if standing is None else _message(standing))
            if standing is not None and standing.finished:
                code = _NORMAL
        await socket.close(code)


async def _closed(socket: WebSocket) -> None:
    """Wait until either side has closed the connection; what a client says before that is nobody's business."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def _message(standing: Standing) -> str:
    progress = standing.progress
    return ProgressMessage(
        type="complete" if standing.finished else "progress",
        job_id=standing.job_id,
        status=standing.status,
        stage=standing.stage,
        current=standing.current,
        total=standing.total,
        percentage=standing.percentage,
        succeeded=progress.succeeded,
        fallback=progress.fallback,
        failed=progress.failed,
        skipped=progress.skipped,
        error_code=standing.error_code,
    ).model_dump_json()
