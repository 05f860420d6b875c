"""Links of an S3 store, followed by a plain HTTP client on a server that checks signatures."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from service.domain.objects import ObjectRef
from service.ports.storage import Storage
from service.storage.s3 import S3Storage
from tests.contract.storage_suite import ODD_KEYS, PNG
from tests.servers.s3 import S3Server
from tests.servers.s3_targets import target_of

REF = ObjectRef("pictures-out", "out/1/cat_modified.png")
FORBIDDEN = 403


@pytest.fixture(scope="module")
def storage() -> Iterator[Storage]:
    with S3Server(buckets=["pictures-in", "pictures-out"]) as server:
        storage = S3Storage(target_of(server))
        asyncio.run(storage.put(REF, PNG, mime_type="image/png"))
        yield storage
        asyncio.run(storage.close())


async def follow(url: str, method: str = "GET") -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.request(method, url)


async def test_anybody_may_download(storage: Storage) -> None:
    answer = await follow(await storage.link(REF, expires_in_seconds=60, filename="Kätzchen & Co.png"))
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"K_tzchen _ Co.png\"; filename*=UTF-8''K%C3%A4tzchen%20%26%20Co.png"
    )


async def test_every_key_can_be_linked(storage: Storage) -> None:
    for key in ODD_KEYS:
        ref = ObjectRef("pictures-out", key)
        await storage.put(ref, key.encode(), mime_type="image/png")
        answer = await follow(await storage.link(ref, expires_in_seconds=60, filename="x.png"))
        assert (answer.status_code, answer.content) == (200, key.encode())


async def test_it_expires(storage: Storage) -> None:
    url = await storage.link(REF, expires_in_seconds=1, filename="cat.png")
    await asyncio.sleep(2.1)  # the stamp is in whole seconds
    assert (await follow(url)).status_code == FORBIDDEN


async def test_a_week_is_the_most(storage: Storage) -> None:
    url = await storage.link(REF, expires_in_seconds=10**9, filename="cat.png")
    assert (await follow(url)).is_success


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("X-Amz-Expires=60", "X-Amz-Expires=6000"),
        ("cat_modified", "dog_modified"),
        ("pictures-out", "pictures-in"),
        ("image%2Fpng", "text%2Fhtml"),
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
    ],
)
async def test_tampering_is_refused(storage: Storage, part: str, other: str) -> None:
    url = await storage.link(REF, expires_in_seconds=60, filename="cat.png")
    assert part in url
    answer = await follow(url.replace(part, other))
    assert (answer.status_code, b"SignatureDoesNotMatch" in answer.content) == (FORBIDDEN, True)


async def test_it_is_good_for_reading_alone(storage: Storage) -> None:
    url = await storage.link(REF, expires_in_seconds=60, filename="cat.png")
    assert (await follow(url, "DELETE")).status_code == FORBIDDEN
    assert await storage.head(REF) is not None
