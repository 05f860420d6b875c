from __future__ import annotations

from itertools import islice

import pytest

from service.domain.keys import is_name, name_of_key, name_of_url, named_item_keys


@pytest.mark.parametrize(
    ("group", "name", "first", "second"),
    [
        ("SKU-1", "front", "SKU-1/front_modified.webp", "SKU-1/front_modified.webp"),
        ("SKU-1", "front.JPG", "SKU-1/front_modified.webp", "SKU-1/front.JPG_modified.webp"),
        ("SKU-1", "v1.2", "SKU-1/v1.2_modified.webp", "SKU-1/v1.2_modified.webp"),
        (None, "Größe L.png", "Größe L_modified.webp", "Größe L.png_modified.webp"),
        (None, ".png", ".png_modified.webp", ".png_modified.webp"),
    ],
)
def test_group_and_name_stay_in_the_key(group: str | None, name: str, first: str, second: str) -> None:
    keys = list(islice(named_item_keys("out/job", group, name, 7, "webp"), 5))
    assert keys[:2] == [f"out/job/{first}", f"out/job/{second}"]
    assert len(set(keys[2:])) == 3  # there is always a further one


@pytest.mark.parametrize("name", ["SKU 1", "Größe", "a.b", "…", "ü" * 100])
def test_what_can_be_part_of_a_key(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0", "a\n", "\u202eexe", "\ud800", "ü" * 101])
def test_what_cannot(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://shop.example/pictures/front%20view.jpg?v=2", "front_view"),
        ("https://shop.example/a%2F..%2Fb.png", "b"),
        ("https://shop.example/", "image"),
        ("https://shop.example/%D0%9F.png", "image"),
    ],
)
def test_a_picture_without_a_name_has_the_one_in_its_url(url: str, name: str) -> None:
    assert name_of_url(url) == name


@pytest.mark.parametrize(("key", "name"), [("a/Größe.png", "Größe.png"), ("a/", "image"), ("a/b\tc.png", "b_c")])
def test_or_the_one_in_its_key(key: str, name: str) -> None:
    assert name_of_key(key) == name
