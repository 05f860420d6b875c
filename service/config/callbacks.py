"""How callbacks are delivered."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from service.config.formats import HostRewrites, Networks, comma_separated
from service.config.group import Expects, Group

_DAY_SECONDS = 86_400


class CallbackSettings(Group):
    """How callbacks are delivered."""

    model_config = SettingsConfigDict(env_prefix="AFTERIMAGE_CALLBACK_")
    title: ClassVar[str] = "Callbacks"

    retry_schedule: Annotated[
        tuple[Annotated[float, Field(gt=0, le=7 * _DAY_SECONDS)], ...],
        comma_separated,
        Field(
            max_length=100,
            description="Seconds to wait after each failed attempt; when they are used up the delivery has failed. "
            "Each wait varies by 20 %.",
            examples=["5,60,600"],
        ),
        Expects("numbers of seconds above 0 and up to 604800, at most 100 of them, separated by commas"),
    ] = (5, 30, 120, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, _DAY_SECONDS)
    timeout_seconds: Annotated[
        float,
        Field(gt=0, le=300, description="How long one attempt may take in all.", examples=["10"]),
    ] = 20
    allow_networks: Annotated[
        Networks,
        Field(
            description="Private or special networks that callbacks may go to; public addresses always may.",
            examples=["127.0.0.0/8,10.0.0.0/8"],
        ),
    ] = ()
    allow_http: Annotated[
        bool, Field(description="Whether a callback URL may be an http:// URL.", examples=["true"])
    ] = False
    url_rewrites: Annotated[
        HostRewrites,
        Field(
            description="Callbacks to one host go to another, as through a tunnel. A URL that names no port fits too.",
            examples=["localhost:4321=host.docker.internal:4321"],
        ),
    ] = ()
