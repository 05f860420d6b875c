from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from service.ports.storage import LinkedFile, LinkRefusedError
from service.storage.folder import FolderStorage
from tests.contract.storage_suite import ODD_KEYS, PNG
from tests.unit.storage.folders import SetClock, folder_storage, out

KEY = "out/1/cät & dog.png"


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def storage(tmp_path: Path, clock: SetClock) -> AsyncIterator[FolderStorage]:
    storage = folder_storage(tmp_path, clock)
    await storage.put(out(KEY), PNG, mime_type="image/png")
    yield storage
    await storage.close()


def follow(storage: FolderStorage, url: str, **other: str) -> LinkedFile:
    """What a server makes of a URL, with some of it replaced."""
    parts = urlsplit(url)
    start = "/base/files/"
    assert url.startswith("https://images.example.com" + start)
    bucket, key = unquote(parts.path.removeprefix(start)).split("/", 1)
    said = {"bucket": bucket, "key": key, **dict(parse_qsl(parts.query)), **other}
    return storage.open(**said)


def content(file: LinkedFile) -> bytes:
    return Path(file.path).read_bytes()


async def refusal(storage: FolderStorage, **other: str) -> bool:
    url = await storage.link(out(KEY), expires_in_seconds=60, filename="cat.png")
    with pytest.raises(LinkRefusedError) as raised:
        follow(storage, url, **other)
    return raised.value.expired


async def test_it_leads_to_the_file(storage: FolderStorage, tmp_path: Path) -> None:
    file = follow(storage, await storage.link(out(KEY), expires_in_seconds=60, filename="ü&=?/.png"))
    assert file == LinkedFile(str(tmp_path / "pictures-out" / KEY), "image/png", "ü&=?/.png")
    assert content(file) == PNG


async def test_every_key_can_be_linked(storage: FolderStorage) -> None:
    for key in [*ODD_KEYS, "line\nbreak"]:
        await storage.put(out(key), key.encode(), mime_type="text/plain")
        file = follow(storage, await storage.link(out(key), expires_in_seconds=60, filename="x"))
        assert content(file) == key.encode()
        assert file.mime_type == "text/plain"


async def test_it_expires(storage: FolderStorage, clock: SetClock) -> None:
    url = await storage.link(out(KEY), expires_in_seconds=60, filename="cat.png")
    clock.forward(59)
    assert follow(storage, url)
    clock.forward(1)
    with pytest.raises(LinkRefusedError) as raised:
        follow(storage, url)
    assert raised.value.expired


@pytest.mark.parametrize(
    "other",
    [
        {"signature": "0" * 64},
        {"signature": ""},
        {"signature": "é\ud800"},
        {"expires": "99999999999"},
        {"expires": "never"},
        {"expires": ""},
        {"filename": "dog.png"},
        {"key": "out/1/dog.png"},
        {"key": "../pictures-in/x"},
        {"bucket": "pictures-in"},
        {"bucket": "elsewhere"},
    ],
)
async def test_tampering_is_refused(storage: FolderStorage, other: dict[str, str]) -> None:
    assert await refusal(storage, **other) is False


async def test_other_secret(storage: FolderStorage, tmp_path: Path) -> None:
    url = await storage.link(out(KEY), expires_in_seconds=60, filename="cat.png")
    other = folder_storage(tmp_path, link_key=b"other")
    with pytest.raises(LinkRefusedError):
        follow(other, url)
    again = folder_storage(tmp_path)
    assert follow(again, url)
    await other.close()
    await again.close()


@pytest.mark.parametrize("key", ["never/there.png", "../../etc/passwd", ""])
async def test_signed_link_to_nothing(storage: FolderStorage, key: str) -> None:
    url = await storage.link(out(key), expires_in_seconds=60, filename="x")
    with pytest.raises(LinkRefusedError) as raised:
        follow(storage, url)
    assert raised.value.expired


async def test_link_from_before_the_bucket_was_renamed(storage: FolderStorage, tmp_path: Path) -> None:
    other = FolderStorage(
        root=tmp_path,
        input_bucket="renamed",
        output_bucket="renamed",
        link_base_url="https://images.example.com/base",
        link_key=b"k" * 32,
        clock=SetClock(),
    )
    url = await storage.link(out(KEY), expires_in_seconds=60, filename="x")
    with pytest.raises(LinkRefusedError):
        follow(other, url)
    await other.close()
