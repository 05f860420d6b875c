"""Any S3-compatible store, as data about it says."""

from __future__ import annotations

from service.storage.offloaded import Offloaded
from service.storage.s3_bucket import S3Bucket
from service.storage.s3_client import S3Connection
from service.storage.s3_errors import translated
from service.storage.target import S3Target


class S3Storage(Offloaded):
    """One account's buckets, as a `service.ports.storage.Storage`.

    Args:
        threads: Calls at a time, each with a connection of its own.
        connect_timeout_seconds: For one connection; every call is tried three times.
        read_timeout_seconds: For silence within an answer.
    """

    def __init__(
        self,
        target: S3Target,
        *,
        threads: int = 32,
        connect_timeout_seconds: float = 5.0,
        read_timeout_seconds: float = 30.0,
    ) -> None:
        self._connection = S3Connection(
            target,
            connections=threads,
            connect_timeout_seconds=connect_timeout_seconds,
            read_timeout_seconds=read_timeout_seconds,
        )
        public_urls = {target.output_bucket: target.public_url}
        super().__init__(
            {
                name: S3Bucket(self._connection, name, public_url=public_urls.get(name))
                for name in (target.input_bucket, target.output_bucket)
            },
            input_bucket=target.input_bucket,
            output_bucket=target.output_bucket,
            translated=translated,
            threads=threads,
        )

    async def close(self) -> None:
        """Wait for calls under way, then drop the connections."""
        await super().close()
        self._connection.close()
