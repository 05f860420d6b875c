"""Idempotency-Key and Prefer."""

from __future__ import annotations

import httpx
import pytest

from service.api.headers import idempotency_key, wait_seconds
from service.domain.refusals import RefusedError
from tests.unit.api.test_tools import BASE64, CALLBACK, ENCODED


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (None, None),
        ("8e03978e-40d5", "8e03978e-40d5"),
        ('"8e03978e-40d5"', "8e03978e-40d5"),
        ('  "with space" ', "with space"),
        (r'"say \"hi\" \\o/"', r'say "hi" \o/'),
        ("x" * 255, "x" * 255),
    ],
)
def test_idempotency_key(value: str | None, key: str | None) -> None:
    assert idempotency_key(value) == key


@pytest.mark.parametrize("value", ["", '""', '"open', 'a"b', "two words", r'"\x"', "clé", "x" * 256, "a\x00b"])
def test_idempotency_key_refused(value: str) -> None:
    with pytest.raises(RefusedError) as refused:
        idempotency_key(value)
    assert refused.value.errors[0].pointer == "header:Idempotency-Key"


async def test_wrong_idempotency_key_is_a_problem(client: httpx.AsyncClient) -> None:
    body = {"prompt": "invert", "image_base64": ENCODED}
    answer = await client.post(BASE64, json=body, headers={**CALLBACK, "Idempotency-Key": "two words"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "invalid_idempotency_key"


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, None),
        ("respond-async", None),
        ("wait=10", 10),
        ("WAIT = 5", 5),
        ("respond-async, wait=10", 10),
        ("respond-async; wait=10", 10),
        ('wait="7", handling=lenient', 7),
        ("wait=600", 60),
        ("wait=0", 0),
        ("wait=-1", None),
        ("wait=ten", None),
        ("await=10", None),
        ("wait=99999999999999", None),
    ],
)
def test_wait_preference(prefer: str | None, seconds: int | None) -> None:
    assert wait_seconds(prefer) == seconds
