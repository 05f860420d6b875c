"""The boto3 client of one store, shared by all threads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from botocore.config import Config

from service.storage.target import S3Target

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class S3Connection:
    """Makes the client when it is first needed: loading boto3 and its model of S3 takes half a second.

    Args:
        connections: How many threads call at a time.
    """

    def __init__(
        self,
        target: S3Target,
        *,
        connections: int,
        connect_timeout_seconds: float,
        read_timeout_seconds: float,
    ) -> None:
        self._target = target
        self._config = Config(
            region_name=target.region,
            signature_version="s3v4",
            s3={"addressing_style": target.addressing},
            max_pool_connections=connections,
            connect_timeout=connect_timeout_seconds,
            read_timeout=read_timeout_seconds,
            retries={"mode": "standard", "total_max_attempts": 3},
            # The SDK's own default sends checksums, over TLS as trailers, which compatible stores refuse.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        self._lock = threading.Lock()
        self._client: S3Client | None = None

    @property
    def client(self) -> S3Client:
        """The client; many threads may use it at once."""
        with self._lock:
            if self._client is None:
                from boto3.session import Session

                session = Session(
                    aws_access_key_id=self._target.access_key_id.get_secret_value(),
                    aws_secret_access_key=self._target.secret_access_key.get_secret_value(),
                )
                self._client = session.client("s3", endpoint_url=self._target.endpoint, config=self._config)
            return self._client

    def close(self) -> None:
        """Drop the connections."""
        if self._client is not None:
            self._client.close()
