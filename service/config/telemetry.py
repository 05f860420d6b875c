"""What the service tells about itself."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import SettingsConfigDict

from service.config.group import Group


class LogSettings(Group):
    """What the service tells about itself."""

    model_config = SettingsConfigDict(env_prefix="AFTERIMAGE_LOG_")
    title: ClassVar[str] = "Logs"

    format: Annotated[
        Literal["auto", "json", "console"],
        Field(
            description="`json`: one object a line; `console`: for people; `auto`: `console` on a terminal.",
            examples=["json"],
        ),
    ] = "auto"
    level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"],
        BeforeValidator(str.lower),
        Field(description="The least important level that is written.", examples=["warning"]),
    ] = "info"
