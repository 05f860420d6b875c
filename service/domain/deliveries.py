"""A delivery: one callback message on its way to its receiver, with its attempts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.domain.objects import ObjectRef


class DeliveryState(StrEnum):
    """Where a message is; `failed` and `gone` are visible surrenders, both can be redelivered by hand."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"  # the schedule is used up
    GONE = "gone"  # the receiver answered 410

    @property
    def finished(self) -> bool:
        """Whether no further attempt will be made by itself."""
        return self is not DeliveryState.PENDING


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a message, the same on every attempt: head, then the base64 of an object, then tail.

    Only what is small is kept here; a large picture is read from the storage at every attempt.
    """

    head: bytes
    inserted: ObjectRef | None = None
    tail: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt:
    """One try to hand a message over. Durations are in milliseconds, None where that phase was not reached.

    Attributes:
        error_code: A stable word such as ``connect_timeout``; None when the receiver answered.
        response_excerpt: The first 4 KiB of the receiver's answer.
    """

    number: int
    started_at: datetime
    duration_ms: float
    status: int | None = None
    error_code: str | None = None
    dns_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    first_byte_ms: float | None = None
    response_excerpt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One callback message.

    Attributes:
        id: The ``webhook-id`` of every attempt.
        url: Where it goes. A capability: never logged or shown in full.
        failures: Attempts that failed since the last (re)start of the schedule; the position in it.
    """

    id: str
    job_id: str
    tenant: str
    url: str
    body: Body
    created_at: datetime
    state: DeliveryState = DeliveryState.PENDING
    failures: int = 0
    next_attempt_at: datetime | None = None
    last_status: int | None = None
    last_error_code: str | None = None
    attempts: tuple[DeliveryAttempt, ...] = ()
