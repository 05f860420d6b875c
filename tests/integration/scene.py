"""The service with everything around it: a model, a receiver and a folder, all real, all on loopback."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import httpx
from PIL import Image
from standardwebhooks.webhooks import Webhook

from tests.patience import PATIENCE_SECONDS
from tests.servers.fleet import Fleet, FleetProcess, Service
from tests.servers.openai_images import ImagesServer
from tests.servers.receiver import Receiver, Visit
from tests.servers.service import RunningService

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@dataclass(slots=True)
class Scene:
    """One service, the model that it asks and the receiver that it calls; `workers` where others do its work."""

    service: Service
    images: ImagesServer
    receiver: Receiver
    client: httpx.AsyncClient
    workers: Sequence[FleetProcess] = ()
    fleet: Fleet | None = None

    @property
    def processes(self) -> Sequence[Service]:
        """Who accepts, and then who works, where those are others."""
        return (self.service, *self.workers)

    @property
    def worker(self) -> Service:
        """One that works."""
        return self.processes[-1]

    async def restart(self) -> None:
        """Stop all processes, and start them again."""
        for process in self.processes:
            await process.stop()
        for process in self.processes:
            await process.start()

    @property
    def log(self) -> str:
        """What all processes printed."""
        return "".join(process.log for process in self.processes)

    async def metrics(self) -> str:
        """The metrics of all processes."""
        texts = []
        for process in self.processes:
            async with process.client() as client:
                texts.append((await client.get("/metrics")).text)
        return "".join(texts)

    async def tool(self, path: str = "/process-image-async", **body: Any) -> str:
        """Call an agent tool; the id of the job."""
        headers = {"callbackUrl": f"{self.receiver.url}/callback"}
        answer = await self.client.post(path, json={"prompt": "Make it orange", **body}, headers=headers)
        assert answer.status_code == 202, answer.text
        assert answer.json()["accepted"] is True
        return str(answer.json()["job_id"])

    async def submit(self, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        """``POST /api/v1/jobs``."""
        job = {"operation": "edit", "prompt": "Make it orange", **body}
        return await self.client.post("/api/v1/jobs", json=job, headers=headers)

    async def job(self, job_id: str) -> dict[str, Any]:
        """A job as it stands."""
        answer = await self.client.get(f"/api/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def ended(self, job_id: str) -> dict[str, Any]:
        """A job once it has ended."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (job := await self.job(job_id))["finished"]:
                await asyncio.sleep(0.05)
        return job

    async def callback(self, job_id: str) -> dict[str, Any]:
        """The verified payload of a job's callback, once it has come."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (visits := self.visits(job_id)):
                await self.receiver.visited(self.receiver.count + 1)
        payload: dict[str, Any] = Webhook(SECRET).verify(visits[-1].body, dict(visits[-1].headers))
        return payload

    def visits(self, job_id: str) -> list[Visit]:
        """The attempts at delivering a job's callback."""
        return [visit for visit in self.receiver.visits if job_id.encode() in visit.body]


class Engine(StrEnum):
    """What a scene runs on."""

    EMBEDDED = "embedded"
    POSTGRES = "postgres"


class OpenScene(Protocol):
    """Opens a running scene on one of the engines."""

    def __call__(self, folder: Path, /, *, workers: int = 1, **env: str) -> AbstractAsyncContextManager[Scene]:
        """`workers` is how many processes do the work, where the engine knows more than one process."""
        ...


@asynccontextmanager
async def scene(folder: Path, /, **env: str) -> AsyncIterator[Scene]:
    """A running scene. ``OPENAI_API_KEY=""`` takes the model out of it."""
    with ImagesServer() as images:
        service = RunningService(folder, _model(images) | env)
        async with Receiver() as receiver, service, service.client() as client:
            yield Scene(service, images, receiver, client)


@asynccontextmanager
async def fleet_scene(folder: Path, url: str, /, *, workers: int = 2, **env: str) -> AsyncIterator[Scene]:
    """A running scene in which one process accepts jobs, and others that share an empty database do the work."""
    with ImagesServer() as images:
        fleet = Fleet(folder, url, _model(images) | env)
        await fleet.migrate()
        async with AsyncExitStack() as stack:
            receiver = await stack.enter_async_context(Receiver())
            front = await stack.enter_async_context(fleet.front())
            others = [await stack.enter_async_context(fleet.worker()) for _ in range(workers)]
            client = await stack.enter_async_context(front.client())
            yield Scene(front, images, receiver, client, workers=others, fleet=fleet)


def _model(images: ImagesServer) -> dict[str, str]:
    return {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": images.url, "AFTERIMAGE_SIGNING_SECRETS": SECRET}


def picture(width: int = 120, height: int = 80, format_: str = "PNG", colour: str = "steelblue") -> bytes:
    """A small encoded picture."""
    file = BytesIO()
    Image.new("RGB", (width, height), colour).save(file, format_)
    return file.getvalue()


def encoded(data: bytes) -> str:
    """The base64 of bytes."""
    return base64.b64encode(data).decode()


def opened(data: bytes) -> Image.Image:
    """A picture, decoded."""
    image = Image.open(BytesIO(data))
    image.load()
    return image
