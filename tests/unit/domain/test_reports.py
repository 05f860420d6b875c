from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from service.domain.batches import Found, Item, ItemStatus, SkipReason, Stage
from service.domain.jobs import Attempt, Fallback, JobError, Output, OutputSource
from service.domain.objects import ObjectRef
from service.domain.reports import COLUMNS, as_csv, error_line, picture_in, row

NOW = datetime(2026, 11, 21, tzinfo=UTC)
TRY = Attempt(number=1, provider="openai", model="m", started_at=NOW, http_status=429)
OUTPUT = Output(
    object=ObjectRef("out", "r/a_modified.png"),
    mime_type="image/png",
    byte_count=1,
    width=1,
    height=1,
    sha256="5a",
    source=OutputSource.PROVIDER,
    provider="openai",
    model="m",
)
ITEM = Item(
    job_id="job",
    number=1,
    source=ObjectRef("in", 'a, "b"\nü.png'),
    target=OUTPUT.object,
    status=ItemStatus.SUCCEEDED,
    due_at=NOW,
    output=OUTPUT,
    cost_usd=0.1234567,
    attempts=(TRY,),
)
FALLBACK = replace(
    ITEM,
    status=ItemStatus.FALLBACK,
    output=replace(
        OUTPUT,
        source=OutputSource.FALLBACK,
        provider="local",
        model=None,
        fallback=Fallback(reason="rate_limited", provider="openai"),
    ),
    warnings=("edited locally",),
    cost_usd=0.0,
)
FAILED = replace(ITEM, status=ItemStatus.FAILED, output=None, cost_usd=None, error=JobError(code="x", message="why"))


def cells(item: Item) -> dict[str, str]:
    return dict(zip(COLUMNS, row(item), strict=True))


def test_a_row_says_who_made_what_and_what_it_cost() -> None:
    said = cells(ITEM)
    assert (said["TaskStatus"], said["ErrorCode"], said["HTTPStatusCode"]) == ("succeeded", "", "200")
    assert (said["OutputKey"], said["Source"], said["SHA256"]) == ("r/a_modified.png", "provider", "5a")
    assert (said["Attempts"], said["EstimatedCost"]) == ("1", "0.123457")


def test_a_row_says_why_there_is_no_result_of_the_model() -> None:
    said = cells(FALLBACK)
    assert (said["ErrorCode"], said["HTTPStatusCode"], said["ResultMessage"]) == (
        *("rate_limited", "429", "edited locally"),
    )
    said = cells(FAILED)
    assert (said["ErrorCode"], said["ResultMessage"], said["Provider"], said["Model"]) == ("x", "why", "openai", "m")
    skipped = replace(FAILED, status=ItemStatus.SKIPPED, error=None, attempts=(), skip_reason=SkipReason.BUDGET)
    said = cells(skipped)
    assert (said["ErrorCode"], said["HTTPStatusCode"], said["Provider"], said["Attempts"]) == ("budget", "", "", "0")


def test_a_part_reads_back_whatever_the_keys_hold() -> None:
    assert list(csv.reader(io.StringIO(as_csv([row(ITEM)]).decode(), newline=""))) == [list(row(ITEM))]


def test_the_callback_names_each_key_with_its_trouble() -> None:
    key = ITEM.source.key
    assert error_line(FAILED) == f"{key}: why"
    assert error_line(FALLBACK) == f"{key}: edited locally (rate_limited)"


NAMED = replace(ITEM, source=None, url="https://shop.example/1.png", group="SKU", name="front", stage=Stage.MAIN)


def test_a_picture_from_the_web_stands_there_with_its_url_and_its_product() -> None:
    said = cells(NAMED)
    assert (said["Bucket"], said["Key"]) == ("", "https://shop.example/1.png")
    assert (said["Group"], said["Name"], said["Stage"]) == ("SKU", "front", "main")
    assert error_line(replace(NAMED, output=None, error=JobError(code="x", message="why"))) == "SKU/front: why"


@pytest.mark.parametrize("item", [ITEM, NAMED, replace(NAMED, source=ITEM.source, url=None, group=None)])
def test_a_row_names_the_picture_that_it_reports(item: Item) -> None:
    found = picture_in(row(item))
    assert (found.source, found.url) == (item.source, item.url)
    assert (found.group, found.name, found.stage) == (item.group, item.name, item.stage)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["in", "a.png"], Found(source=ObjectRef("in", "a.png"))),
        (["in"], Found(source=ObjectRef("in", ""))),
        (["in", "a.png", "further", "columns"], Found(source=ObjectRef("in", "a.png"))),
        (["", "https://shop.example/a.png"], Found(url="https://shop.example/a.png", name="a")),
        (["", "a.png"], Found(source=ObjectRef("", "a.png"))),
        (["in", "a.png", *[""] * 12, "../up", "a/b", "first"], Found(source=ObjectRef("in", "a.png"))),
    ],
)
def test_a_row_that_somebody_else_wrote_names_a_picture_and_no_more(columns: list[str], expected: Found) -> None:
    assert picture_in(columns) == expected
