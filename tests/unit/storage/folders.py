"""Folder storages for tests, with a clock that can be moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from service.domain.objects import ObjectRef
from service.storage.folder import FolderStorage

OUT = "pictures-out"


class SetClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def folder_storage(root: Path, clock: SetClock | None = None, *, link_key: bytes = b"k" * 32) -> FolderStorage:
    return FolderStorage(
        root=root,
        input_bucket="pictures-in",
        output_bucket=OUT,
        link_base_url="https://images.example.com/base/",
        link_key=link_key,
        clock=clock or SetClock(),
    )


def out(key: str) -> ObjectRef:
    return ObjectRef(OUT, key)
