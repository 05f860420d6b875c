from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.ports.storage import Storage
from service.storage.folder import FolderStorage
from tests.contract.storage_suite import Fill, StorageSuite


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class TestFolder(StorageSuite):
    @pytest.fixture
    async def storage(self, tmp_path: Path) -> AsyncIterator[Storage]:
        storage = FolderStorage(
            root=tmp_path,
            input_bucket="pictures-in",
            output_bucket="pictures-out",
            link_base_url="http://127.0.0.1:8000",
            link_key=b"k" * 32,
            clock=WallClock(),
        )
        yield storage
        await storage.close()

    @pytest.fixture
    def fill(self, tmp_path: Path, storage: Storage) -> Fill:
        def fill(keys: Iterable[str]) -> None:
            for key in keys:
                path = tmp_path / storage.input_bucket / key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"abc")

        return fill


class TestOneFolder(TestFolder):
    """The same bucket for everything."""

    @pytest.fixture
    async def storage(self, tmp_path: Path) -> AsyncIterator[Storage]:
        storage = FolderStorage(
            root=tmp_path,
            input_bucket="pictures",
            output_bucket="pictures",
            link_base_url="http://127.0.0.1:8000",
            link_key=b"k" * 32,
            clock=WallClock(),
        )
        yield storage
        await storage.close()
