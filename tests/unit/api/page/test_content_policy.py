"""Where the page may load pictures from, by where the service keeps them."""

from __future__ import annotations

import pytest

from service.api.page.content_policy import content_policy
from service.api.services import StorageDescription


@pytest.mark.parametrize(
    ("endpoint", "public_url", "hosts"),
    [
        (None, None, "'self' blob:"),
        ("https://s3.example:9000/", None, "'self' blob: https://s3.example:9000 https://*.s3.example:9000"),
        ("https://id.r2.example", "https://cdn.example/shop", "'self' blob: https://cdn.example"),
    ],
)
def test_pictures_come_from_where_links_lead(endpoint: str | None, public_url: str | None, hosts: str) -> None:
    storage = StorageDescription(
        kind="r2",
        endpoint=endpoint,
        region=None,
        input_bucket="in",
        output_bucket="out",
        input_prefix="",
        output_prefix="",
        presign_expires_seconds=900,
        public_url=public_url,
    )
    directives = content_policy(storage).split("; ")
    assert f"img-src {hosts}" in directives
    assert "connect-src 'self'" in directives
