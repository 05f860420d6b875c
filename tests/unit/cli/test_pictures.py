"""Pictures of callbacks become files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.cli.pictures import Pictures
from tests.servers.receiver import Receiver, Reply


@pytest.fixture
async def server() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_linked_picture_is_downloaded(server: Receiver, tmp_path: Path) -> None:
    server.script.append(Reply(200, {"Content-Type": "image/webp; q=1"}, b"a picture"))
    said = await Pictures(tmp_path / "out").save({"job_id": "job_1", "result_url": f"{server.url}/picture"})
    assert said == f"{tmp_path / 'out' / 'job_1.webp'}, 9 bytes"
    assert (tmp_path / "out" / "job_1.webp").read_bytes() == b"a picture"


async def test_an_inline_picture_is_decoded(tmp_path: Path) -> None:
    payload = {"job_id": "../../../job 1", "result_image_base64": "QUJD", "result_mime_type": "image/svg+../xml"}
    await Pictures(tmp_path).save(payload)
    (file,) = files(tmp_path)
    assert file.read_bytes() == b"ABC"
    assert file.name == "_________job_1.xml"


async def test_a_picture_without_name_and_type(tmp_path: Path) -> None:
    await Pictures(tmp_path).save({"result_image_base64": "QUJD"})
    assert [file.name for file in files(tmp_path)] == ["picture.bin"]


async def test_a_callback_without_a_picture(tmp_path: Path) -> None:
    assert await Pictures(tmp_path / "out").save({"status": "failed", "job_id": "job_1"}) == "none"
    assert not files(tmp_path)


async def test_what_cannot_be_had_is_told(server: Receiver, tmp_path: Path) -> None:
    pictures = Pictures(tmp_path / "out", max_bytes=10)
    server.script.extend([Reply(410), Reply(200, {}, b"x" * 11)])
    url = f"{server.url}/picture"
    assert "410" in await pictures.save({"job_id": "job_1", "result_url": url})
    assert await pictures.save({"job_id": "job_1", "result_url": url}) == "not saved: more than 10 bytes"
    assert "not saved: " in await pictures.save({"job_id": "job_1", "result_image_base64": "%"})
    assert "not saved: " in await pictures.save({"job_id": "job_1", "result_url": "http://[x"})
    assert not files(tmp_path)
