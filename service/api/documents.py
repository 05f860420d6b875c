"""The OpenAPI documents as files: written, and checked for drift."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.api.app import routed_app
from service.api.options import ApiOptions
from service.api.tool_document import as_yaml, tool_document


class DriftError(Exception):
    """A file does not say what the code says."""


def documents() -> Mapping[str, str]:
    """File name to content, as the default options give it."""
    options = ApiOptions()
    tools = tool_document(options)
    return {
        "tools.yaml": as_yaml(tools),
        "tools.json": _as_json(tools),
        "openapi.json": _as_json(routed_app(options).openapi()),
    }


def write(folder: Path) -> None:
    """Write every document into a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in documents().items():
        (folder / name).write_text(content, encoding="utf-8")


def check(folder: Path) -> None:
    """Compare every document with its file.

    Raises:
        DriftError: naming the files that differ and the command that writes them.
    """
    stale = [name for name, content in documents().items() if _read(folder / name) != content]
    if stale:
        raise DriftError(f"{', '.join(stale)} in {folder} not up to date: run 'afterimage openapi --write'")


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _as_json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
