"""A test server as the storage and the service want to know it."""

from __future__ import annotations

from pydantic import SecretStr

from service.storage.target import S3Target
from service.storage.vendors import cos
from tests.servers.s3 import S3Server


def target_of(server: S3Server, *, secret_key: str | None = None) -> S3Target:
    """The buckets ``pictures-in`` and ``pictures-out`` of the server."""
    return cos(
        endpoint=server.url,
        region="us-east-1",
        access_key_id=SecretStr(server.access_key),
        secret_access_key=SecretStr(secret_key or server.secret_key),
        input_bucket="pictures-in",
        output_bucket="pictures-out",
    )


def variables_of(server: S3Server) -> dict[str, str]:
    """The same buckets for a service."""
    return {
        "COS_ENDPOINT": server.url,
        "COS_REGION": "us-east-1",
        "COS_ACCESS_KEY_ID": server.access_key,
        "COS_SECRET_ACCESS_KEY": server.secret_key,
        "COS_INPUT_BUCKET": "pictures-in",
        "COS_OUTPUT_BUCKET": "pictures-out",
    }
