"""Which pictures are accepted, and from where they are fetched."""

from __future__ import annotations

import os
from typing import Annotated, ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from service.config.formats import Networks
from service.config.group import DefaultWords, Group

_MOST_WORKERS = 4  # each takes up to 400 MB for the largest picture


def _workers() -> int:
    return min(os.cpu_count() or 1, _MOST_WORKERS)


class PictureSettings(Group):
    """Which pictures are accepted."""

    model_config = SettingsConfigDict(env_prefix="AFTERIMAGE_")
    title: ClassVar[str] = "Pictures"

    max_image_bytes: Annotated[
        int,
        Field(
            ge=1024,
            le=1_073_741_824,
            description="Bytes that a picture may have, decoded from base64.",
            examples=["10485760"],
        ),
    ] = 25 * 1024 * 1024
    max_image_pixels: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000_000,
            description="Pixels that a picture may have, width times height.",
            examples=["100000000"],
        ),
    ] = 40_000_000
    imaging_workers: Annotated[
        int,
        Field(
            ge=1,
            le=256,
            default_factory=_workers,
            description="Processes that decode and encode pictures.",
            examples=["2"],
        ),
        DefaultWords(f"the number of processors, at most {_MOST_WORKERS}"),
    ]


class FetchSettings(Group):
    """From where pictures are fetched."""

    model_config = SettingsConfigDict(env_prefix="AFTERIMAGE_FETCH_")
    title: ClassVar[str] = "Fetching pictures"

    allow_networks: Annotated[
        Networks,
        Field(
            description="Private or special networks that `image_url` may lead to; public addresses always may.",
            examples=["10.20.0.0/16"],
        ),
    ] = ()
    allow_http: Annotated[bool, Field(description="Whether `image_url` may be an http:// URL.", examples=["false"])] = (
        True
    )
