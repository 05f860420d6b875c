"""The whole way over TLS, where the SDK signs and frames requests in another way than over plain HTTP."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme

from service.domain.objects import ObjectRef
from service.ports.storage import StorageError
from service.storage.s3 import S3Storage
from tests.contract.storage_suite import PNG
from tests.servers.s3 import S3Server
from tests.servers.s3_targets import target_of

REF = ObjectRef("pictures-out", "out/1/cat.png")


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA, tmp_path: Path) -> Iterator[S3Server]:
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "server.key")
    tls = (str(tmp_path / "server.pem"), str(tmp_path / "server.key"))
    with S3Server(buckets=["pictures-in", "pictures-out"], tls=tls) as server:
        yield server


async def test_storing_and_linking(
    server: S3Server, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    storage = S3Storage(target_of(server))
    assert await storage.put(REF, PNG, mime_type="image/png", metadata={"source": "provider"})
    assert not await storage.put(REF, PNG, mime_type="image/png")
    assert (await storage.get(REF, max_bytes=1000)).data == PNG
    url = await storage.link(REF, expires_in_seconds=60, filename="cat.png")
    await storage.close()

    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with httpx.AsyncClient(verify=trusting, trust_env=False) as client:
        answer = await client.get(url)
        tampered = await client.get(url.replace("X-Amz-Expires=60", "X-Amz-Expires=61"))
    assert (answer.status_code, answer.content) == (200, PNG)
    assert tampered.status_code == httpx.codes.FORBIDDEN


async def test_unknown_certificate(server: S3Server) -> None:
    storage = S3Storage(target_of(server))
    with pytest.raises(StorageError) as raised:
        await storage.head(REF)
    await storage.close()
    assert (raised.value.code, raised.value.transient) == ("untrusted_certificate", False)
    assert server.requests == []
