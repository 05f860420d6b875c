"""An S3-compatible store as data: everything that tells one vendor from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Target:
    """One account at one store.

    Attributes:
        endpoint: The store's URL, without a bucket.
        region: What requests are signed for.
        addressing: Whether the bucket stands in the path or in the host name.
        public_url: Where the output bucket can be read without a signature; links lead there when it is set.
    """

    endpoint: str
    region: str
    addressing: Literal["path", "virtual"]
    access_key_id: SecretStr
    secret_access_key: SecretStr
    input_bucket: str
    output_bucket: str
    public_url: str | None = None
