"""Nothing secret stays in a log line, and what is harmless stays as it is."""

from __future__ import annotations

import pytest

from service.telemetry.redaction import redact, redact_text

SECRET = "hunter2hunter2hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"{{'authorization': 'Basic {SECRET}'}}",
        f"X-API-Key: {SECRET}",
        f"{{'x-api-key': '{SECRET}'}}",
        f"(b'x-api-key', b'{SECRET}')",
        f"key whsec_{SECRET}+/= is old",
        f"Incorrect API key provided: sk-proj-{SECRET}",
        f"GET https://user:{SECRET}@example.com",
        f"POST https://hooks.example.com/flows/{SECRET}/resume failed",
        f"POST https://hooks.example.com?token={SECRET}",
        f"see 'https://s3.example.com/b/k?X-Amz-Signature={SECRET}&x=1'",
        f'"GET /files/out/a.png?expires=1&signature={SECRET} HTTP/1.1" 200',
        f"/k?X-Amz-Credential={SECRET}",
        f"HTTPS://HOOKS.EXAMPLE.COM/{SECRET}",
    ],
)
def test_secrets_and_capabilities_do_not_stay_in_a_text(text: str) -> None:
    assert SECRET not in redact_text(text)
    assert "redacted" in redact_text(text) or "…" in redact_text(text) or "@" not in redact_text(text)


def test_where_a_url_leads_stays_readable() -> None:
    text = redact_text("callback to https://hooks.example.com:8443/flows/1?x=2#y failed (https://api.example.com/v1)")
    assert text == "callback to https://hooks.example.com:8443/… failed (https://api.example.com/…"


@pytest.mark.parametrize(
    "text",
    [
        "Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)",
        "https://example.com/",
        "https://example.com/…#1f3a9c02",
        "job_0199aa0e7ce87f60b1a1d4a5c6f70812 ended in 12.5 s: ratio 3/4, 50 % of a+b=c",
        "the bearer",
        "task-skill sk-1",
        "/api/v1/jobs?limit=50&cursor=abc",
    ],
)
def test_what_is_harmless_stays(text: str) -> None:
    assert redact_text(text) == text


def test_a_picture_in_a_text_is_cut() -> None:
    picture = "iVBORw0KGgoAAAANSUhEUg" * 100
    assert redact_text(f"body: data:image/png;base64,{picture}==") == (
        "body: data:image/png;base64,iVBORw0KGgoAAAAN…[2202 characters]"
    )


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "Authorization",
        "X-API-Key",
        "api_key",
        "api_keys",
        "secret",
        "signing_secrets",
        "password",
        "secret_access_key",
        "access_token",
        "Set-Cookie",
        "webhook-signature",
    ],
)
def test_a_value_with_a_secret_name_is_hidden_whatever_it_is(name: str) -> None:
    assert redact(None, "info", {name: SECRET, "headers": {name: [SECRET]}}) == {
        name: "[redacted]",
        "headers": {name: "[redacted]"},
    }


def test_values_of_every_kind() -> None:
    event = {
        "input_tokens": 7,
        "cost_usd": 0.25,
        "retryable": True,
        "next": None,
        "urls": ["https://a.example/x", ("https://b.example/y",)],
        "error": ValueError(f"at https://c.example/{SECRET}"),
        "data": b"12345",
        "job_id": "job_1",
    }
    assert redact(None, "info", event) == {
        "input_tokens": 7,
        "cost_usd": 0.25,
        "retryable": True,
        "next": None,
        "urls": ["https://a.example/…", ["https://b.example/…"]],
        "error": "at https://c.example/…",
        "data": "[5 bytes]",
        "job_id": "job_1",
    }
