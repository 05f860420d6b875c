"""Which web pages may speak to the service."""

from __future__ import annotations

import pytest

from service.api.origins import check_origin
from service.domain.refusals import RefusedError


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "127.0.0.1:8000"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://LocalHost:8000", "localhost:8000"),
        ("http://127.0.0.1", "127.0.0.1"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("http://10.0.0.7:8000", "10.0.0.7:8000"),
        ("https://img.example", "10.0.0.7:8000"),
        ("https://img.example", "img.example"),
    ],
)
def test_pages_of_the_service_itself_and_programs_are_let_in(origin: str | None, host: str) -> None:
    check_origin(origin, host=host, public_url="https://img.example/base")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", "127.0.0.1:8000"),
        ("http://127.0.0.1:3000", "127.0.0.1:8000"),
        ("https://img.example.evil.example", "img.example"),
        ("http://evil.example:8000", "evil.example:8000"),  # a name that leads to this machine, since a moment
        ("http://127.0.0.1.evil.example", "127.0.0.1.evil.example"),
        ("http://localhost.evil.example", "localhost.evil.example"),
        ("http://[", "["),
        ("null", "127.0.0.1:8000"),
        ("", "127.0.0.1:8000"),
        ("https://[", "127.0.0.1:8000"),
    ],
)
def test_pages_of_other_sites_are_not(origin: str, host: str) -> None:
    with pytest.raises(RefusedError) as refused:
        check_origin(origin, host=host, public_url="https://img.example")
    assert refused.value.code == "foreign_origin"
