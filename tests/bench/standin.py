"""A stand-in of the predecessor's design: background tasks in memory and a thread pool. It keeps and checks nothing.

To its favour both of its clients are shared between requests, and nothing is logged.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import click
import httpx
import uvicorn
from fastapi import BackgroundTasks, FastAPI, Header
from openai import OpenAI
from pydantic import BaseModel


class ImageRequest(BaseModel):
    prompt: str
    filename: str = "image.jpg"
    image_base64: str


def create_app(folder: Path) -> FastAPI:
    """The stand-in, writing its outputs to a folder and asking the provider of the ``OPENAI_`` variables."""
    app = FastAPI()
    openai = OpenAI(max_retries=0)
    callbacks = httpx.Client()

    def process(job_id: str, request: ImageRequest, callback_url: str) -> None:
        picture = base64.b64decode(request.image_base64)
        answer = openai.images.edit(
            model="gpt-image-2", image=(request.filename, picture, "image/jpeg"), prompt=request.prompt
        )
        assert answer.data is not None
        output = folder / f"{job_id}_modified.png"
        output.write_bytes(base64.b64decode(answer.data[0].b64_json or ""))
        callbacks.post(
            callback_url,
            json={
                "status": "completed",
                "job_id": job_id,
                "filename": request.filename,
                "object_key": output.name,
                "result_url": output.as_uri(),
                "expires_in": 3600,
            },
        )

    @app.post("/process-image-async", status_code=202)
    async def accept(
        request: ImageRequest, background: BackgroundTasks, callback_url: Annotated[str, Header(alias="callbackUrl")]
    ) -> dict[str, bool | str]:
        job_id = uuid4().hex
        background.add_task(process, job_id, request, callback_url)
        return {"accepted": True, "job_id": job_id}

    @app.get("/health")
    async def health() -> dict[str, bool]:
        return {"ok": True}

    return app


@click.command()
@click.option("--port", type=int, required=True)
@click.option("--folder", type=click.Path(path_type=Path), required=True)
def main(port: int, folder: Path) -> None:
    uvicorn.run(create_app(folder), host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
