"""What the HTTP layer can be told at start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

_MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOptions:
    """Settings of the HTTP layer.

    Attributes:
        public_url: Where callers reach the service, without a slash at the end; links and documents start with it.
        api_keys: API key to the tenant that it belongs to; empty means that every caller is the tenant ``default``.
        max_image_bytes: The largest picture accepted inline, decoded.
        max_unfinished_jobs: Only announced, in the RateLimit headers of a 429.
        uploads_total_bytes: How much of request bodies may be in memory at a time; more waits, unread. Those of models,
            which may be held for as long as a model waits, have a quarter as much for themselves.
        upload_wait_seconds: How long a request waits for that before it is refused with 503.
        upload_seconds: How long the body itself may take to come.
    """

    public_url: str = "http://127.0.0.1:8000"
    api_keys: Mapping[SecretStr, str] = field(default_factory=dict)
    max_image_bytes: int = 25 * _MEBIBYTE
    max_unfinished_jobs: int = 10_000
    uploads_total_bytes: int = 256 * _MEBIBYTE
    upload_wait_seconds: float = 10.0
    upload_seconds: float = 120.0

    @property
    def max_body_bytes(self) -> int:
        """The largest request body: the largest picture and as large a mask in base64, and a mebibyte of text."""
        return 2 * (-(-self.max_image_bytes // 3) * 4) + _MEBIBYTE
