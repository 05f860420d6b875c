"""Why a request is refused before it becomes a job. The HTTP layer turns each code into a status."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RefusalCode(StrEnum):
    """Stable codes of refused requests; `PictureFault` values stand beside them."""

    INVALID_REQUEST = "invalid_request"
    INVALID_IMAGE = "invalid_image"
    INVALID_CALLBACK_URL = "invalid_callback_url"
    INVALID_IMAGE_URL = "invalid_image_url"
    UNKNOWN_BUCKET = "unknown_bucket"
    OBJECT_NOT_FOUND = "object_not_found"
    UNKNOWN_PROVIDER = "unknown_provider"
    UNSUPPORTED_PARAMETER = "unsupported_parameter"
    NOT_FOUND = "not_found"
    EXPIRED = "expired"
    NOT_READY = "not_ready"
    ALREADY_FINISHED = "already_finished"
    TOO_LARGE = "request_too_large"
    IDEMPOTENCY_MISMATCH = "idempotency_key_reused"
    IDEMPOTENCY_IN_FLIGHT = "idempotency_key_in_flight"
    QUEUE_FULL = "queue_full"
    UNAVAILABLE = "temporarily_unavailable"
    UNAUTHENTICATED = "unauthenticated"


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field; `pointer` is a JSON pointer (RFC 6901) or ``header:NAME``."""

    pointer: str
    detail: str
    code: str


class RefusedError(Exception):
    """A request that will not be carried out. Everything in it may be shown to the caller."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: tuple[FieldError, ...] = (),
        retryable: bool = False,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = errors
        self.retryable = retryable
        self.retry_after_seconds = retry_after_seconds
