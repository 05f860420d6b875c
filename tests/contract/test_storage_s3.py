from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from service.domain.objects import ObjectRef
from service.ports.storage import Storage
from service.storage.s3 import S3Storage
from tests.contract.storage_suite import PNG, Fill, StorageSuite
from tests.servers.s3 import S3Server
from tests.servers.s3_targets import target_of


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with S3Server(buckets=["pictures-in", "pictures-out"]) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: S3Server) -> Iterator[S3Storage]:
    storage = S3Storage(target_of(server))
    yield storage
    asyncio.run(storage.close())


class TestS3(StorageSuite):
    @pytest.fixture
    def storage(self, server: S3Server, client: S3Storage) -> Storage:
        server.reset()
        return client

    @pytest.fixture
    def fill(self, storage: Storage) -> Fill:
        def fill(keys: Iterable[str]) -> None:
            for key in keys:
                s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object("pictures-in", key, b"abc")

        return fill


async def test_store_without_conditional_writes(server: S3Server) -> None:
    """As older stores do, it refuses the condition; that is found out once."""
    server.reset()
    server.knows_conditions = False
    storage = S3Storage(target_of(server))
    refs = [ObjectRef("pictures-out", key) for key in "ab"]
    for ref in refs:
        assert await storage.put(ref, PNG, mime_type="image/png", metadata={"n": "1"})
        assert not await storage.put(ref, b"other", mime_type="image/png")
        assert (await storage.get(ref, max_bytes=100)).data == PNG
    await storage.close()
    methods = [method for method, _ in server.requests if method != "GET"]
    assert methods == ["PUT", "HEAD", "PUT", "HEAD", "HEAD", "PUT", "HEAD"]
