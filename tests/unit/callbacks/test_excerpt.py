from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.callbacks.excerpt import MAX_EXCERPT_BYTES, excerpt


def kept(body: bytes, *, target: str = "/", secrets: tuple[str, ...] = ()) -> str | None:
    return excerpt(body, target=target, secrets=secrets)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", None),
        (b'{"ok": true}', '{"ok": true}'),
        ("schön".encode(), "schön"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"a\x00b\x1b[31m\x7f", "a\ufffdb\ufffd[31m\ufffd"),
        (b"one\r\ntwo\tthree\n", "one\ntwo\tthree\n"),
    ],
)
def test_text_that_any_database_takes(body: bytes, text: str | None) -> None:
    assert kept(body) == text


def test_4_kib_of_it() -> None:
    assert kept(b"x" * 5000) == "x" * MAX_EXCERPT_BYTES
    assert kept("ä".encode() * 3000 + b"x") == "ä" * 2048
    assert kept(b"x" + "ä".encode() * 3000) == "x" + "ä" * 2047


def test_what_protects_the_receiver_is_taken_out() -> None:
    body = b"Cannot POST /hooks/s3cr3t, query token=abcdefgh, all /hooks/s3cr3t?token=abcdefgh, key whsec_abcdefgh."
    found = kept(body, target="/hooks/s3cr3t?token=abcdefgh", secrets=("whsec_abcdefgh",))
    assert found == "Cannot POST [redacted], query [redacted], all [redacted], key [redacted]."


def test_a_short_path_is_no_secret() -> None:
    assert kept(b"<a></a>", target="/a") == "<a></a>"


def test_a_secret_at_the_cut_does_not_show_in_part() -> None:
    found = kept(b"x" * 4090 + b"/hooks/s3cr3t", target="/hooks/s3cr3t")
    assert found == "x" * 4090 + "[redac"


@given(st.binary(max_size=6000))
def test_any_bytes(body: bytes) -> None:
    found = kept(body)
    assert found is None or len(found.encode()) <= MAX_EXCERPT_BYTES
