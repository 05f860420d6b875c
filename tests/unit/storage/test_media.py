from __future__ import annotations

import io

import pytest
from PIL import Image

from service.storage.media import HEAD_BYTES, UNKNOWN, download_as, media_type


@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "avif", "gif", "bmp", "tiff"])
def test_first_bytes_tell(name: str) -> None:
    written = io.BytesIO()
    Image.new("RGB", (8, 8)).save(written, name)
    assert media_type("wrong.csv", written.getvalue()[:HEAD_BYTES]) == f"image/{name}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/b.PNG", "image/png"),
        ("a.jpg", "image/jpeg"),
        ("a.tif", "image/tiff"),
        ("report.csv", "text/csv"),
        ("manifest.json", "application/json"),
        ("page.html", UNKNOWN),
        ("drawing.svg", UNKNOWN),
        ("png", UNKNOWN),
        (".png", UNKNOWN),
        ("a.png/b", UNKNOWN),
    ],
)
def test_name_tells(name: str, expected: str) -> None:
    assert media_type(name, b"plain text") == expected


def test_hostile_file_name() -> None:
    value = download_as('a"\r\nX: y\\é')
    assert value == "attachment; filename=\"a___X_ y__\"; filename*=UTF-8''a%22%0D%0AX%3A%20y%5C%C3%A9"
