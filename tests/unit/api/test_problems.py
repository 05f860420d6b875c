"""Codes, statuses and pointers."""

from __future__ import annotations

import pytest

from service.api.problems import STATUS, ProtocolCode, documented, pointer
from service.domain.pictures import PictureFault
from service.domain.refusals import RefusalCode

UNPROCESSABLE = {
    "invalid_request", "invalid_image", "invalid_callback_url", "invalid_image_url", "unknown_bucket",
    "object_not_found", "unknown_provider", "unsupported_parameter", "idempotency_key_reused",
    "not_a_picture", "unsupported_image_format", "image_too_many_pixels", "image_too_many_frames", "image_damaged",
    "image_empty",
}  # fmt: skip


def test_every_code_has_a_status_on_purpose() -> None:
    codes = {*RefusalCode, *PictureFault, *ProtocolCode}
    assert codes - set(STATUS) == UNPROCESSABLE
    assert set(STATUS) <= codes


@pytest.mark.parametrize(("location", "expected"), [((), ""), (("a", 0, "b"), "/a/0/b"), (("x/y", "~z"), "/x~1y/~0z")])
def test_pointer(location: tuple[str | int, ...], expected: str) -> None:
    assert pointer(location) == expected


def test_documented_refers_to_the_problem() -> None:
    content = documented(404)[404]["content"]
    assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
