from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.domain.objects import ObjectRef
from service.ports.storage import StorageError
from service.storage.folder import FolderStorage
from service.storage.folder_errors import translated
from service.storage.media import UNKNOWN
from service.storage.partials import Partials
from tests.contract.storage_suite import PNG
from tests.unit.storage.folders import OUT, folder_storage, out

JPEG = b"\xff\xd8\xff\xe0" + bytes(20)


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[FolderStorage]:
    storage = folder_storage(tmp_path)
    yield storage
    await storage.close()


def visible(folder: Path) -> list[str]:
    """The files that people see."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in paths if path.parts[0] != ".afterimage")


def everything(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def sidecars(folder: Path) -> list[Path]:
    return list((folder / ".afterimage" / "sidecars").rglob("*.*"))


def partials(folder: Path) -> list[Path]:
    return list((folder / ".afterimage" / "partials").glob("*"))


async def code_of_put(storage: FolderStorage, key: str) -> str:
    with pytest.raises(StorageError) as raised:
        await storage.put(out(key), PNG, mime_type="image/png", metadata={"n": "1"})
    assert not raised.value.transient
    return raised.value.code


class TestFiles:
    async def test_files_are_plain(self, storage: FolderStorage, tmp_path: Path) -> None:
        await storage.put(out("a/b.png"), PNG, mime_type="image/png", metadata={"source": "provider"})
        assert (tmp_path / OUT / "a" / "b.png").read_bytes() == PNG
        assert visible(tmp_path / OUT) == ["a/b.png"]
        assert partials(tmp_path / OUT) == []

    async def test_sidecar_only_where_it_says_something(self, storage: FolderStorage, tmp_path: Path) -> None:
        await storage.put(out("a.png"), PNG, mime_type="image/png")
        assert sidecars(tmp_path / OUT) == []
        await storage.put(out("b.png"), PNG, mime_type="image/jpeg")
        assert len(sidecars(tmp_path / OUT)) == 1
        await storage.delete(out("b.png"))
        assert sidecars(tmp_path / OUT) == []

    @pytest.mark.parametrize(
        ("name", "data", "mime_type"),
        [
            ("cat.png", JPEG, "image/jpeg"),
            ("CAT.JPG", b"", "image/jpeg"),
            ("cat.html", b"<html>", UNKNOWN),
            ("cat", PNG, "image/png"),
        ],
    )
    async def test_files_that_people_put_there(
        self, storage: FolderStorage, tmp_path: Path, name: str, data: bytes, mime_type: str
    ) -> None:
        (tmp_path / OUT / name).write_bytes(data)
        stored = await storage.get(out(name), max_bytes=100)
        assert (stored.data, stored.info.mime_type, stored.info.metadata) == (data, mime_type, {})
        assert not await storage.put(out(name), PNG, mime_type="image/png")

    async def test_file_that_somebody_replaced(self, storage: FolderStorage, tmp_path: Path) -> None:
        await storage.put(out("a.png"), PNG, mime_type="image/png", metadata={"source": "provider"})
        (tmp_path / OUT / "a.png").write_bytes(JPEG)
        info = await storage.head(out("a.png"))
        assert info is not None
        assert (info.mime_type, info.metadata) == ("image/jpeg", {})

    async def test_sidecar_of_a_file_that_somebody_removed(self, storage: FolderStorage, tmp_path: Path) -> None:
        for metadata in ({"n": "1"}, {"n": "2"}, {}):
            assert await storage.put(out("a.png"), PNG, mime_type="image/png", metadata=metadata)
            info = await storage.head(out("a.png"))
            assert info is not None
            assert info.metadata == metadata
            (tmp_path / OUT / "a.png").unlink()
        assert sidecars(tmp_path / OUT) == []

    async def test_removal_takes_empty_folders_along(self, storage: FolderStorage, tmp_path: Path) -> None:
        for key in ("a/b/c/1.png", "a/b/2.png"):
            await storage.put(out(key), PNG, mime_type="image/png")
        await storage.delete(out("a/b/c/1.png"))
        assert not (tmp_path / OUT / "a/b/c").exists()
        assert visible(tmp_path / OUT) == ["a/b/2.png"]
        await storage.delete(out("a/b/2.png"))
        assert not (tmp_path / OUT / "a").exists()
        assert (tmp_path / OUT).is_dir()

    async def test_removal_beside_storing(self, storage: FolderStorage) -> None:
        async def put_and_delete(worker: int) -> None:
            for number in range(40):
                ref = out(f"a/b/{worker}-{number}.png")
                assert await storage.put(ref, PNG, mime_type="image/png")
                await storage.delete(ref)

        await asyncio.gather(*(put_and_delete(worker) for worker in range(8)))

    async def test_names_are_listed_that_keys_can_have(self, storage: FolderStorage, tmp_path: Path) -> None:
        for name in ("good.png", os.fsdecode(b"not\xffutf-8.png")):
            (tmp_path / OUT / name).write_bytes(PNG)
        await storage.put(out("with-sidecar.png"), PNG, mime_type="image/png", metadata={"n": "1"})
        page = await storage.list(OUT, "")
        assert [info.ref.key for info in page.objects] == ["good.png", "with-sidecar.png"]

    async def test_deep_folders(self, storage: FolderStorage) -> None:
        ref = out("/".join("a" * 512))
        assert await storage.put(ref, PNG, mime_type="image/png")
        assert [info.ref for info in (await storage.list(OUT, "")).objects] == [ref]
        await storage.delete(ref)
        assert (await storage.list(OUT, "")).objects == ()


class TestWhatIsInTheWay:
    async def test_file_for_a_folder(self, storage: FolderStorage) -> None:
        await storage.put(out("a"), PNG, mime_type="image/png")
        for key in ("a/b", "a/b/c"):
            assert await code_of_put(storage, key) == "key_in_the_way"
            assert await storage.head(out(key)) is None

    async def test_folder_for_a_file(self, storage: FolderStorage) -> None:
        await storage.put(out("a/b"), PNG, mime_type="image/png")
        assert await code_of_put(storage, "a") == "key_in_the_way"
        assert await storage.head(out("a")) is None
        await storage.delete(out("a"))
        assert await storage.head(out("a/b")) is not None

    async def test_pipe_is_no_object(self, storage: FolderStorage, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / OUT / "pipe")
        assert await code_of_put(storage, "pipe") == "key_in_the_way"
        assert await storage.head(out("pipe")) is None
        assert (await storage.list(OUT, "")).objects == ()

    async def test_symbolic_links_are_not_followed(self, storage: FolderStorage, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "secret.png").write_bytes(PNG)
        (tmp_path / OUT / "folder").symlink_to(outside)
        (tmp_path / OUT / "file.png").symlink_to(outside / "secret.png")
        (tmp_path / OUT / "loop").symlink_to("loop")
        for key in ("folder/secret.png", "file.png", "folder/new.png", "loop", "loop/x"):
            assert await storage.head(out(key)) is None
            await storage.delete(out(key))
            assert await code_of_put(storage, key) == "key_in_the_way"
        assert (await storage.list(OUT, "")).objects == ()
        assert [path.name for path in outside.iterdir()] == ["secret.png"]

    @pytest.mark.parametrize("key", ["../x", "a/../../x", "/x", ".afterimage/x", "a/./b"])
    async def test_keys_that_lead_elsewhere(self, storage: FolderStorage, tmp_path: Path, key: str) -> None:
        before = everything(tmp_path)
        assert await code_of_put(storage, key) == "invalid_key"
        assert everything(tmp_path) == before

    async def test_bucket_may_be_elsewhere(self, tmp_path: Path) -> None:
        (tmp_path / "disk").mkdir()
        (tmp_path / "root").mkdir()
        (tmp_path / "root" / OUT).symlink_to(tmp_path / "disk")
        storage = folder_storage(tmp_path / "root")
        assert await storage.put(out("a/b.png"), PNG, mime_type="image/png", metadata={"n": "1"})
        assert (await storage.get(out("a/b.png"), max_bytes=100)).info.metadata == {"n": "1"}
        assert visible(tmp_path / "disk") == ["a/b.png"]
        await storage.close()


class TestTroubles:
    async def test_leftovers_are_removed_at_start(self, storage: FolderStorage, tmp_path: Path) -> None:
        with Partials(tmp_path / OUT / ".afterimage" / "partials").written(PNG) as (alive,):
            (alive.parent / "dead").write_bytes(PNG)
            other = folder_storage(tmp_path)
            assert partials(tmp_path / OUT) == [alive]
            await other.close()

    async def test_damaged_sidecar_is_no_missing_sidecar(self, storage: FolderStorage, tmp_path: Path) -> None:
        await storage.put(out("a.png"), PNG, mime_type="image/png", metadata={"n": "1"})
        [sidecar] = sidecars(tmp_path / OUT)
        sidecar.write_bytes(b'{"key": ')
        with pytest.raises(StorageError) as raised:
            await storage.head(out("a.png"))
        assert raised.value.code == "damaged_sidecar"

    async def test_ping_tells_when_nothing_can_be_written(self, storage: FolderStorage, tmp_path: Path) -> None:
        await storage.ping()
        assert partials(tmp_path / OUT) == []
        (tmp_path / OUT / ".afterimage" / "partials").rmdir()
        (tmp_path / OUT / ".afterimage" / "partials").write_bytes(b"")
        with pytest.raises(StorageError):
            await storage.ping()

    async def test_ping_tells_when_nothing_can_be_read(self, storage: FolderStorage, tmp_path: Path) -> None:
        (tmp_path / "pictures-in").rmdir()
        with pytest.raises(StorageError, match="No such file or directory"):
            await storage.ping()

    async def test_bucket_that_is_only_read_is_not_written(self, storage: FolderStorage, tmp_path: Path) -> None:
        (tmp_path / "pictures-in" / "a.png").write_bytes(PNG)
        ref = ObjectRef("pictures-in", "a.png")
        assert (await storage.get(ref, max_bytes=100)).data == PNG
        await storage.list("pictures-in", "")
        await storage.ping()
        assert [path.name for path in (tmp_path / "pictures-in").iterdir()] == ["a.png"]

    def test_file_in_place_of_the_root(self, tmp_path: Path) -> None:
        (tmp_path / "root").write_bytes(b"")
        with pytest.raises(StorageError):
            folder_storage(tmp_path / "root")

    @pytest.mark.parametrize(
        ("number", "code", "transient"),
        [
            (errno.ENOSPC, "ENOSPC", True),
            (errno.EMFILE, "EMFILE", True),
            (errno.EACCES, "EACCES", False),
            (errno.EROFS, "EROFS", False),
            (None, "EIO", False),
        ],
    )
    def test_what_passes(self, number: int | None, code: str, transient: bool) -> None:
        with pytest.raises(StorageError) as raised, translated():
            raise OSError(number, "/secret/path")
        assert (raised.value.code, raised.value.transient) == (code, transient)
        assert "/secret" not in str(raised.value)
