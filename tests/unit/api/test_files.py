"""Files of the local folder: served as what their bytes are, as downloads, to holders of a valid link."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from service.ports.storage import LinkedFile, LinkRefusedError
from tests.unit.api.conftest import Ask

PATH = "/files/out/results/a%20b/cat.png"
GOOD = {"expires": "99", "filename": "cat.png", "signature": "good"}


class OneFile:
    """Links to one file; the signature is a word."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, bucket: str, key: str, *, expires: str, filename: str, signature: str) -> LinkedFile:
        if signature != "good" or (bucket, key) != ("out", "results/a b/cat.png"):
            raise LinkRefusedError("this link is not valid", expired=False)
        if expires == "1":
            raise LinkRefusedError("this link has expired", expired=True)
        return LinkedFile(str(self._path), "image/png", filename)


@pytest.fixture
def linked(ask: Ask, tmp_path: Path) -> httpx.AsyncClient:
    path = tmp_path / "kept"
    path.write_bytes(bytes(range(256)))
    return ask(files=OneFile(path))


async def test_file_is_a_download(linked: httpx.AsyncClient) -> None:
    answer = await linked.get(PATH, params=GOOD)
    assert (answer.status_code, answer.content) == (200, bytes(range(256)))
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="cat.png"'
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["Cache-Control"].startswith("private")


async def test_hostile_name_stays_in_its_header(linked: httpx.AsyncClient) -> None:
    name = 'a"; filename="evil.html\r\nX: 1'
    answer = await linked.get(PATH, params={**GOOD, "filename": name})
    assert answer.headers["Content-Disposition"].startswith("attachment; filename*=utf-8''a%22%3B")
    assert "X" not in answer.headers


async def test_head_and_range(linked: httpx.AsyncClient) -> None:
    head = await linked.head(PATH, params=GOOD)
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", "256")
    part = await linked.get(PATH, params=GOOD, headers={"Range": "bytes=10-12"})
    assert (part.status_code, part.content) == (206, bytes([10, 11, 12]))
    assert part.headers["Content-Range"] == "bytes 10-12/256"


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"signature": "bad"}, 403, "link_invalid"),
        ({"signature": ""}, 403, "link_invalid"),
        ({"expires": "1"}, 410, "link_expired"),
    ],
)
async def test_wrong_links(linked: httpx.AsyncClient, changed: dict[str, str], status: int, code: str) -> None:
    answer = await linked.get(PATH, params=GOOD | changed)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_no_folder_no_files(client: httpx.AsyncClient) -> None:
    answer = await client.get(PATH, params=GOOD)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
