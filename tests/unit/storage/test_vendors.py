from __future__ import annotations

import pytest
from pydantic import SecretStr

from service.domain.objects import ObjectRef
from service.storage.s3 import S3Storage
from service.storage.vendors import cos, r2

KEY, SECRET = SecretStr("id"), SecretStr("very secret")


@pytest.mark.parametrize(
    ("endpoint", "full"),
    [
        (
            "s3.us-south.cloud-object-storage.appdomain.cloud",
            "https://s3.us-south.cloud-object-storage.appdomain.cloud",
        ),
        ("https://s3.eu-de.example", "https://s3.eu-de.example"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
    ],
)
async def test_cos(endpoint: str, full: str) -> None:
    target = cos(
        endpoint=endpoint,
        region="us-south",
        access_key_id=KEY,
        secret_access_key=SECRET,
        input_bucket="in.put",
        output_bucket="out",
    )
    assert target.endpoint == full
    assert "secret" not in repr(target).replace("secret_access_key", "")
    storage = S3Storage(target)
    url = await storage.link(ObjectRef("in.put", "a b"), expires_in_seconds=60, filename="x")
    await storage.close()
    assert url.startswith(f"{full}/in.put/a%20b?")
    assert "%2Fus-south%2Fs3%2F" in url


async def test_r2() -> None:
    storage = S3Storage(
        r2(
            endpoint="https://abc.r2.cloudflarestorage.com",
            access_key_id=KEY,
            secret_access_key=SECRET,
            bucket="pictures",
        )
    )
    assert storage.buckets == {"pictures"}
    url = await storage.link(ObjectRef("pictures", "a"), expires_in_seconds=60, filename="x")
    await storage.close()
    assert url.startswith("https://abc.r2.cloudflarestorage.com/pictures/a?")
    assert "%2Fauto%2Fs3%2F" in url


async def test_r2_with_a_public_address() -> None:
    storage = S3Storage(
        r2(
            endpoint="https://abc.r2.cloudflarestorage.com",
            access_key_id=KEY,
            secret_access_key=SECRET,
            bucket="pictures",
            public_url="https://pictures.example.com/",
        )
    )
    url = await storage.link(ObjectRef("pictures", "out/1/ü ?#%.png"), expires_in_seconds=60, filename="x")
    await storage.close()
    assert url == "https://pictures.example.com/out/1/%C3%BC%20%3F%23%25.png"
