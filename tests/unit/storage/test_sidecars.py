from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

import pytest

from service.storage.folder_paths import give_name
from service.storage.sidecars import Sidecar, Sidecars


def sidecar(folder: Path, said: str) -> Path:
    path = folder / said
    path.write_text(Sidecar(key="key", byte_count=1, mime_type=said, metadata={}).model_dump_json())
    return path


async def test_a_lock_is_kept_from_others_until_its_holder_lets_go(tmp_path: Path) -> None:
    sidecars, order = Sidecars(tmp_path), list[str]()

    def other() -> None:
        with sidecars.locked("key"):
            order.append("other")

    with sidecars.locked("key"):
        waiting = asyncio.create_task(asyncio.to_thread(other))
        await asyncio.sleep(0.05)
        order.append("holder")
    await waiting
    assert order == ["holder", "other"]


def test_a_lock_that_a_stopped_process_holds_is_not_waited_for_without_end(tmp_path: Path) -> None:
    sidecars = Sidecars(tmp_path, patience_seconds=0.05)
    with sidecars.locked("key"):
        pass
    (shard,) = tmp_path.iterdir()
    holder = os.open(shard, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    with sidecars.locked("key"):
        pass
    os.close(holder)


def test_who_goes_on_after_others_did_not_wait_changes_nothing_of_theirs(tmp_path: Path) -> None:
    sidecars = Sidecars(tmp_path / "sidecars")
    with sidecars.locked("key"):
        sidecars.place("key", sidecar(tmp_path, "theirs"))
    with pytest.raises(FileExistsError):
        sidecars.place("key", sidecar(tmp_path, "mine"))
    found = sidecars.read("key", 1)
    assert found is not None
    assert found.mime_type == "theirs"
    (tmp_path / "one").write_text("theirs")
    (tmp_path / "other").write_text("mine")
    give_name(tmp_path / "one", tmp_path / "name")
    with pytest.raises(FileExistsError):
        give_name(tmp_path / "other", tmp_path / "name")
    assert (tmp_path / "name").read_text() == "theirs"


def test_a_sidecar_that_was_left_without_its_file_is_replaced(tmp_path: Path) -> None:
    sidecars = Sidecars(tmp_path / "sidecars")
    with sidecars.locked("key"):
        sidecars.place("key", sidecar(tmp_path, "left"))
        sidecars.replace("key", sidecar(tmp_path, "mine"))
    found = sidecars.read("key", 1)
    assert found is not None
    assert found.mime_type == "mine"
