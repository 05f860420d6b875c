"""Where the service listens and how it is reached."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from service.config.formats import HttpURL
from service.config.group import DefaultWords, Expects, Group


class ServerSettings(Group):
    """Where the service listens and how it is reached."""

    model_config = SettingsConfigDict(env_prefix="AFTERIMAGE_")
    title: ClassVar[str] = "Server"

    host: Annotated[
        str,
        Field(
            min_length=1,
            description="Address to listen on. Others than loopback addresses need `AFTERIMAGE_API_KEYS`.",
            examples=["0.0.0.0"],  # noqa: S104 - an example of what asks for keys
        ),
        Expects("a host name or address"),
    ] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535, description="Port to listen on.", examples=["8080"])] = 8000
    worker_port: Annotated[
        int,
        Field(
            ge=0,
            le=65_535,
            description="Port on which `afterimage worker` answers health checks and gives its metrics; 0 takes a "
            "free one.",
            examples=["9001"],
        ),
    ] = 8001
    public_url: Annotated[
        HttpURL,
        Field(
            validate_default=True,
            description="URL under which callers reach the service: the server in the tool documents and the start of "
            "links to pictures in the folder storage.",
            examples=["https://images.example.com"],
        ),
        DefaultWords("`http://HOST:PORT`; with Postgres it is needed"),
    ] = ""
    shutdown_grace_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=3600,
            description="How long running jobs may take to end when the service is told to stop; what does not end in "
            "time is taken up again at the next start.",
            examples=["60"],
        ),
    ] = 30

    @field_validator("public_url", mode="before")
    @classmethod
    def _reached_where_it_listens(cls, text: str, info: ValidationInfo) -> str:
        host = info.data.get("host", "127.0.0.1")
        if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
            host = "127.0.0.1"
        return text or f"http://{f'[{host}]' if ':' in host else host}:{info.data.get('port', 8000)}"
