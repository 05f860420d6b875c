"""Saving the pictures of callbacks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pybase64

from service.cli.reading import inline_picture, job_id, link

_TIMEOUT_SECONDS = 60.0
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


class Pictures:
    """Saves pictures in a folder, which is made if need be, under the ids of their jobs.

    Args:
        max_bytes: Larger pictures are not downloaded to their end.
    """

    def __init__(self, folder: Path, *, max_bytes: int = 256 * 1024 * 1024) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    async def save(self, payload: Mapping[str, Any]) -> str:
        """Save the picture that a callback holds or links to; what came of it, in words."""
        try:
            found = await self._picture(payload)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            return f"not saved: {str(error) or type(error).__name__}"
        if found is None:
            return "none"
        data, mime_type = found
        name = _UNSAFE.sub("_", job_id(payload) or "picture")
        extension = _UNSAFE.sub("", mime_type.partition(";")[0].rpartition("/")[2]) or "bin"
        path = self._folder / f"{name}.{extension}"
        self._folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return f"{path}, {len(data)} bytes"

    async def _picture(self, payload: Mapping[str, Any]) -> tuple[bytes, str] | None:
        if (text := inline_picture(payload)) is not None:
            return pybase64.b64decode(text, validate=True), payload.get("result_mime_type", "")
        if (url := link(payload)) is not None:
            return await self._download(url)
        return None

    async def _download(self, url: str) -> tuple[bytes, str]:
        data = bytearray()
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS) as client, client.stream("GET", url) as answer:
            answer.raise_for_status()
            async for chunk in answer.aiter_bytes():
                data += chunk
                if len(data) > self._max_bytes:
                    raise ValueError(f"more than {self._max_bytes} bytes")
            return bytes(data), answer.headers.get("content-type", "")
