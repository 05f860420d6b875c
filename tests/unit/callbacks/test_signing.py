from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from service.callbacks.signing import SignatureError, new_secret, secret_key, signature, verify

BODY = json.dumps({"status": "completed", "filename": "süß.png"}, ensure_ascii=False).encode()


def signed(body: bytes, *secrets: str, at: float | None = None) -> dict[str, str]:
    timestamp = int(time.time() if at is None else at)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature("msg_1", timestamp, body, secrets),
    }


def test_the_specification_s_example() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    found = signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [secret])
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_public_library_agrees(text: str) -> None:
    secret = new_secret()
    Webhook(secret).verify(text.encode(), signed(text.encode(), secret), json_parse=False)


def test_old_and_new_secret_both_verify_while_they_rotate() -> None:
    new, old = new_secret(), new_secret()
    headers = signed(BODY, new, old)
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (new, old):
        assert Webhook(secret).verify(BODY, headers) == json.loads(BODY)
        verify(BODY, headers, [secret], now=time.time())


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_2"},
        {"webhook-timestamp": str(int(time.time()) - 1000)},
        {"webhook-timestamp": str(int(time.time()) + 1000)},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": ""},
    ],
)
def test_tampering_fails_with_both(change: dict[str, str]) -> None:
    secret = new_secret()
    headers = signed(BODY, secret) | change
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, headers)
    with pytest.raises(SignatureError):
        verify(BODY, headers, [secret], now=time.time())


def test_another_body_or_secret_fails_with_both() -> None:
    secret = new_secret()
    headers = signed(BODY, secret)
    for body, key in ((BODY + b" ", secret), (BODY, new_secret())):
        with pytest.raises(WebhookVerificationError):
            Webhook(key).verify(body, headers)
        with pytest.raises(SignatureError):
            verify(body, headers, [key], now=time.time())


def test_what_the_public_library_signs_verifies() -> None:
    secret = new_secret()
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": f"v1a,asymmetric {Webhook(secret).sign('msg_1', now, BODY.decode())}",
    }
    verify(BODY, headers, [new_secret(), secret], now=time.time())


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_all_headers_are_needed(missing: str) -> None:
    secret = new_secret()
    headers = {name: value for name, value in signed(BODY, secret).items() if name != missing}
    with pytest.raises(SignatureError):
        verify(BODY, headers, [secret], now=time.time())


@pytest.mark.parametrize("timestamp", ["", "now", "1e9", "nan"])
def test_a_timestamp_is_a_number(timestamp: str) -> None:
    secret = new_secret()
    with pytest.raises(SignatureError):
        verify(BODY, signed(BODY, secret) | {"webhook-timestamp": timestamp}, [secret], now=time.time())


@pytest.mark.parametrize(("age", "fresh"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)])
def test_five_minutes_are_tolerated(age: int, fresh: bool) -> None:
    secret = new_secret()
    headers = signed(BODY, secret, at=1_000_000 - age)
    if fresh:
        verify(BODY, headers, [secret], now=1_000_000)
    else:
        with pytest.raises(SignatureError):
            verify(BODY, headers, [secret], now=1_000_000)


@pytest.mark.parametrize("size", [24, 32, 64])
def test_secrets_of_24_to_64_bytes(size: int) -> None:
    key = bytes(range(size))
    assert secret_key("whsec_" + base64.b64encode(key).decode()) == key


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        base64.b64encode(bytes(32)).decode(),
        "whsec_not*base64*not*base64*not*base64*not*b",
        "whsec_" + base64.b64encode(bytes(32)).decode().rstrip("="),
        "whsec_ü",
    ],
)
def test_malformed_secrets_are_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match=r"24 to 64 bytes") as refused:
        secret_key(secret)
    assert len(secret) < 10 or secret not in str(refused.value)


def test_new_secrets_are_good_and_different() -> None:
    assert len({new_secret() for _ in range(10)}) == 10
    assert len(secret_key(new_secret())) == 32
