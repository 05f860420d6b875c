from __future__ import annotations

import shutil
from pathlib import Path

from service.storage.folder_listing import files_after


def test_folder_that_is_removed_while_it_is_read(tmp_path: Path) -> None:
    for key in ("a/1", "b/2", "c/3"):
        path = tmp_path / key
        path.parent.mkdir()
        path.write_bytes(b"")
    found = files_after(tmp_path, prefix="", after="")
    assert next(found)[0] == "a/1"
    shutil.rmtree(tmp_path / "b")
    assert [key for key, _ in found] == ["c/3"]


def test_only_what_comes_after(tmp_path: Path) -> None:
    keys = ["a-b", "a.png", "a/b", "a/c", "a0", "b"]
    for key in keys:
        path = tmp_path / key
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    for number, after in enumerate(keys, start=1):
        assert [key for key, _ in files_after(tmp_path, prefix="", after=after)] == keys[number:]
    assert [key for key, _ in files_after(tmp_path, prefix="a/", after="a/bb")] == ["a/c"]
