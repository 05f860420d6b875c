from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.redaction import redacted


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example/secret/path?token=abc", "https://hooks.example/…#"),
        ("http://wxo-server:4321/v1/callback/secret", "http://wxo-server:4321/…#"),
        ("https://user:pass@hooks.example/secret", "https://hooks.example/…#"),
        ("https://[2001:db8::1]:8443/secret", "https://[2001:db8::1]:8443/…#"),
        ("HTTPS://HOOKS.example", "https://hooks.example/…#"),
        ("https://hooks.example?secret", "https://hooks.example/…#"),
        ("https://secret\nhost/", "…#"),
        ("https://user:pa/ss@hooks.example/", "…#"),
        ("secret", "…#"),
        ("", "…#"),
        ("\ud800", "…#"),
    ],
)
def test_only_the_origin_is_shown(url: str, shown: str) -> None:
    assert re.fullmatch(re.escape(shown) + "[0-9a-f]{8}", redacted(url))


def test_two_capabilities_of_one_host_can_be_told_apart() -> None:
    assert redacted("https://h.example/a") != redacted("https://h.example/b")
    assert redacted("https://h.example/a") == redacted("https://h.example/a")


@given(st.text(alphabet="abcxyz0189-_~%", min_size=12))
def test_path_and_query_never_show(secret: str) -> None:
    assert secret not in redacted(f"https://h.example/{secret}?k={secret}")
