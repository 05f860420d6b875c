from __future__ import annotations

import pytest

from service.net.proxies import Proxies
from service.net.urls import parse_url

BOTH = Proxies(http="http://proxy.example:3128", https="http://secure.example:3129")


def test_the_scheme_of_the_request_chooses() -> None:
    plain = BOTH.proxy_for(parse_url("http://hooks.example/"))
    secure = BOTH.proxy_for(parse_url("https://hooks.example/"))
    assert plain is not None
    assert secure is not None
    assert bytes(plain.url) == b"http://proxy.example:3128/"
    assert bytes(secure.url) == b"http://secure.example:3129/"


def test_without_proxies_all_goes_directly() -> None:
    assert Proxies().proxy_for(parse_url("https://hooks.example/")) is None


def test_what_the_operator_named_goes_directly() -> None:
    assert BOTH.proxy_for(parse_url("https://127.0.0.1/", trusted=True)) is None


def test_a_proxy_may_want_a_password_and_may_lack_a_scheme() -> None:
    proxy = Proxies(https="user:p%40ss@proxy.example:3128").proxy_for(parse_url("https://hooks.example/"))
    assert proxy is not None
    assert proxy.auth == (b"user", b"p@ss")
    assert bytes(proxy.url) == b"http://proxy.example:3128/"


@pytest.mark.parametrize(
    ("bypass", "host", "direct"),
    [
        ("*", "hooks.example", True),
        ("hooks.example", "hooks.example", True),
        ("example", "hooks.example", True),
        (".example", "hooks.example", True),
        ("ooks.example", "hooks.example", False),
        ("Hooks.Example", "hooks.example", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/8", "hooks.example", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("fd00::/8", "[fd00::1]", True),
    ],
)
def test_no_proxy(bypass: str, host: str, direct: bool) -> None:
    proxies = Proxies(https="http://proxy.example:3128", bypass=("other.example", bypass))
    assert (proxies.proxy_for(parse_url(f"https://{host}/")) is None) == direct


def test_its_password_does_not_show() -> None:
    assert "secret" not in repr(Proxies(https="http://user:secret@proxy.example"))
