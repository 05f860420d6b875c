"""Who may open a WebSocket."""

from __future__ import annotations

import base64

import pytest
from fastapi import WebSocket

from service.api.socket_access import presented_key

PREFIX = "base64url.bearer.authorization.afterimage."


def handshake(*subprotocols: str, **headers: str) -> WebSocket:
    scope = {
        "type": "websocket",
        "subprotocols": list(subprotocols),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    return WebSocket(scope, None, None)


def encoded(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


@pytest.mark.parametrize("key", ["k", "ke", "key", "with spaces, commas", "ü?>~" * 5])
def test_a_key_comes_as_a_subprotocol(key: str) -> None:
    assert presented_key(handshake("afterimage.progress", PREFIX + encoded(key))) == key


def test_a_key_comes_in_the_usual_headers() -> None:
    assert presented_key(handshake(authorization="bearer a-key")) == "a-key"
    assert presented_key(handshake(x_api_key="a-key")) == "a-key"
    assert presented_key(handshake(authorization="Basic YTpi", x_api_key="a-key")) == "a-key"
    assert presented_key(handshake("afterimage.progress")) is None


@pytest.mark.parametrize("nonsense", ["", "a", "a+b/", "%%%%", base64.urlsafe_b64encode(b"\xff\xfe").decode()])
def test_a_subprotocol_without_a_key_in_it_is_none(nonsense: str) -> None:
    assert not presented_key(handshake(PREFIX + nonsense))
