from __future__ import annotations

import pytest

from service.domain.batches import Selection
from service.domain.keys import mask_key, source_key
from service.domain.objects import ObjectRef
from service.domain.selecting import KeyFilter, may_be_picture

JOB_ID = f"job_{'0a' * 16}"
OWN = f"edited/{JOB_ID}/cat_modified.png"


@pytest.mark.parametrize(
    ("key", "include", "exclude", "wanted"),
    [
        ("a/b.jpg", (), (), True),
        ("a/b.jpg", ("*.jpg",), (), True),
        ("a/b.JPG", ("*.jpg",), (), False),
        ("a/b.jpg", ("*.png", "a/?.jpg"), (), True),
        ("a/b.jpg", (), ("a/*",), False),
        ("a/b.jpg", ("*.jpg",), ("*/b.*",), False),
        ("b.jpg", ("**/*.jpg",), (), True),
        ("c/b.jpg", ("**/*.jpg",), (), True),
        ("b.jpg", ("[a-c].jpg",), (), True),
        (OWN, (), (), False),
        (source_key(JOB_ID), (), (), False),
        (mask_key(JOB_ID), (), (), False),
        (f"{JOB_ID}.png", (), (), True),
    ],
)
def test_globs_say_which_keys_are_wanted(
    key: str, include: tuple[str, ...], exclude: tuple[str, ...], wanted: bool
) -> None:
    assert KeyFilter(Selection(bucket="in", include=include, exclude=exclude))(key) is wanted


@pytest.mark.parametrize(
    "selection",
    [
        Selection(bucket="in", prefix=OWN.removesuffix("cat_modified.png")),
        Selection(bucket="in", manifest=ObjectRef("in", "list.csv")),
        Selection(bucket="in", earlier_job_id="job_x"),
    ],
)
def test_outputs_are_sources_only_where_they_are_named(selection: Selection) -> None:
    assert KeyFilter(selection)(OWN)


@pytest.mark.parametrize(
    ("key", "possible"),
    [
        ("a.jpg", True),
        ("a.JPEG", True),
        ("a.webp", True),
        ("a.avif", True),
        ("a.heic", True),
        ("a", True),
        ("v1.2/picture", True),
        ("a.unheard-of", True),
        ("a.txt", False),
        ("a.jpg.gz", False),
        ("movie.mp4", False),
        ("folder/", False),
    ],
)
def test_a_name_rules_out_only_what_is_surely_no_picture(key: str, possible: bool) -> None:
    assert may_be_picture(key) is possible
