from __future__ import annotations

import pytest

from service.callbacks.rewrites import Rewrites

TUNNEL = Rewrites(["wxo-server:4321=127.0.0.1:14321", " other:80=[::1]:8080 ", "wxo-server:4321=too:1"])


@pytest.mark.parametrize(
    ("url", "rewritten"),
    [
        ("http://wxo-server:4321/v1/cb/abc?x=%2f&y=é", "http://127.0.0.1:14321/v1/cb/abc?x=%2f&y=é"),
        ("http://wxo-server/v1", "http://127.0.0.1:14321/v1"),
        ("https://WXO-Server:4321", "https://127.0.0.1:14321"),
        ("http://wxo-server?x", "http://127.0.0.1:14321?x"),
        ("http://other:80/", "http://[::1]:8080/"),
        ("http://wxo-server:8080/v1", None),
        ("http://wxo-server.evil.example:4321/", None),
        ("http://evil.example/wxo-server:4321/", None),
        ("http://wxo-server:4321@evil.example/", None),
        ("http://user@wxo-server:4321/", None),
        ("ftp://wxo-server:4321/", None),
        ("wxo-server:4321", None),
        ("", None),
    ],
)
def test_what_is_meant_for_the_receiver_goes_to_the_tunnel(url: str, rewritten: str | None) -> None:
    assert TUNNEL.apply(url) == rewritten


def test_without_rules_nothing_changes() -> None:
    assert Rewrites().apply("http://wxo-server:4321/") is None


@pytest.mark.parametrize(
    "rule", ["", "a:1", "a=b", "a:1=b", "a=b:1", "a:x=b:1", "http://a:1=b:1", "a:1=b:1/x", "a:1=u@b:1"]
)
def test_a_mistyped_rule_is_reported(rule: str) -> None:
    with pytest.raises(ValueError, match=r"from-host:port=to-host:port"):
        Rewrites([rule])
