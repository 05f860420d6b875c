from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.retry_after import parse_retry_after

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
DAY = 86_400.0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("86400", DAY),
        ("86401", DAY),
        ("9" * 5000, DAY),
        ("Sat, 21 Nov 2026 12:01:30 GMT", 90),
        ("Saturday, 21-Nov-26 12:01:30 GMT", 90),
        ("Sat Nov 21 12:01:30 2026", 90),
        ("Sat, 21 Nov 2026 13:01:30 +0100", 90),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0),
        ("Wed, 21 Nov 2096 12:00:00 GMT", DAY),
    ],
)
def test_seconds_and_dates(value: str, expected: float) -> None:
    assert parse_retry_after(value, now=NOW) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        "-5",
        "+5",
        "1.5",
        "1e3",
        "soon",
        "٣",
        "0x10",
        "Sat, 99 Nov 2026 12:00:00 GMT",
        "Sat, 21 Nov 99999999999999999999 12:00:00 GMT",
        "21 Nov",
        "\x00",
    ],
)
def test_what_cannot_be_understood_says_nothing(value: str | None) -> None:
    assert parse_retry_after(value, now=NOW) is None


@given(st.text())
def test_no_text_breaks_it(value: str) -> None:
    found = parse_retry_after(value, now=NOW)
    assert found is None or 0 <= found <= DAY
