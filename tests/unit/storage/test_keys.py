from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.storage.folder_paths import path_of
from service.storage.keys import is_file_key, is_key

ROOT = Path("/nowhere/bucket")
hostile = st.lists(st.sampled_from(["..", ".", "/", "\\", "\0", ".afterimage", "a", "é", "~", "%2e%2e", " "])).map(
    "".join
)


@given(st.one_of(st.text(), hostile))
def test_file_keys_lead_below_the_folder(key: str) -> None:
    if is_file_key(key):
        path = path_of(ROOT, key)
        assert path is not None
        assert str(path) == f"{ROOT}/{key}"
        assert os.path.normpath(path) == str(path)


@pytest.mark.parametrize(
    "key",
    [
        "..",
        "../x",
        "a/../../x",
        "a/./b",
        "/etc/passwd",
        "a//b",
        "a/",
        "/",
        ".",
        "x" * 256,
        "é" * 128,
        ".afterimage/partials/x",
        ".AfterImage",
        "a\0b",
        "",
    ],
)
def test_keys_that_no_file_has(key: str) -> None:
    assert not is_file_key(key)


def test_length_is_in_bytes() -> None:
    assert is_key("é" * 512)
    assert not is_key("é" * 513)
