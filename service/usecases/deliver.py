"""Delivering: signed attempts by the schedule until the receiver has taken the message or is given up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta

import pybase64
import structlog

from service.domain.deliveries import Body, Delivery, DeliveryAttempt, DeliveryState
from service.domain.identifiers import new_delivery_id
from service.domain.payloads import JobCallback
from service.domain.refusals import FieldError, RefusalCode, RefusedError
from service.domain.schedule import Verdict, verdict
from service.domain.work import Again, Work
from service.ports.callbacks import CallbackSender, Message, Receipt
from service.ports.clock import Clock
from service.ports.fetching import ForbiddenURLError
from service.ports.ledger import Ledger
from service.ports.storage import ObjectMissingError, Storage, StorageError
from service.telemetry.metrics import Metrics

_log = structlog.get_logger()
_STORAGE_AWAY = timedelta(seconds=10)
_HOST_STUCK = timedelta(seconds=2)
_NOTHING_TO_SEND = Receipt(status=None, error_code="picture_gone", duration_ms=0)

Secrets = Callable[[str], tuple[str, ...]]
"""The signing secrets of a tenant, the current one first."""


class DeliverMessage:
    """The handler of delivery work: one attempt, and what follows from it."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        storage: Storage,
        sender: CallbackSender,
        secrets: Secrets,
        schedule_seconds: tuple[float, ...],
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._storage = storage
        self._sender = sender
        self._secrets = secrets
        self._schedule_seconds = schedule_seconds
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, work: Work) -> Again | None:
        """Make the attempt that is due."""
        delivery = await self._ledger.delivery(None, work.ref)
        if delivery is None or delivery.state.finished:
            return None
        started_at = self._clock.now()
        if delivery.next_attempt_at is not None and delivery.next_attempt_at > started_at:
            return Again(delivery.next_attempt_at)
        if self._sender.busy(delivery.url):
            return Again(started_at + _HOST_STUCK * (0.5 + random.random()))  # noqa: S311 - leaves the slot to others
        with structlog.contextvars.bound_contextvars(job_id=delivery.job_id, delivery_id=delivery.id):
            try:
                body = await self._bytes(delivery.body)
            except ObjectMissingError:
                return await self._record(delivery, _NOTHING_TO_SEND, started_at)
            except StorageError:
                return Again(started_at + _STORAGE_AWAY)  # our trouble, not the receiver's: no attempt is counted
            secrets = self._secrets(delivery.tenant)
            receipt = await self._sender.send(Message(id=delivery.id, url=delivery.url, body=body, secrets=secrets))
            return await self._record(delivery, receipt, started_at)

    async def _bytes(self, body: Body) -> bytes:
        if body.inserted is None:
            return body.head + body.tail
        info = await self._storage.head(body.inserted)
        if info is None:
            raise ObjectMissingError(body.inserted)
        stored = await self._storage.get(body.inserted, max_bytes=info.byte_count)
        return await asyncio.to_thread(_spliced, body, stored.data)

    async def _record(self, delivery: Delivery, receipt: Receipt, started_at: datetime) -> Again | None:
        follows = self._verdict(delivery, receipt)
        state, wait_seconds = follows.state, follows.wait_seconds
        next_attempt_at = None if wait_seconds is None else self._clock.now() + timedelta(seconds=wait_seconds)
        attempt = _attempt(len(delivery.attempts) + 1, receipt, started_at)
        await self._ledger.record_delivery(delivery, attempt, state=state, next_attempt_at=next_attempt_at)
        self._metrics.delivery_attempted(state=state.value, seconds=receipt.duration_ms / 1000)
        _log.info(
            "callback attempted",
            attempt=attempt.number,
            status=receipt.status,
            error_code=receipt.error_code,
            state=state.value,
        )
        return Again(next_attempt_at) if next_attempt_at is not None else None

    def _verdict(self, delivery: Delivery, receipt: Receipt) -> Verdict:
        if receipt is _NOTHING_TO_SEND:
            return Verdict(DeliveryState.FAILED)
        return verdict(
            status=receipt.status,
            retry_after_seconds=receipt.retry_after_seconds,
            failures=delivery.failures,
            schedule_seconds=self._schedule_seconds,
            jitter=random.random(),  # noqa: S311 - spreads retries, guards nothing
        )


class Redeliver:
    """Starts the schedule of a message anew by hand: the same id, the same bytes."""

    def __init__(self, *, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    async def __call__(self, tenant: str, delivery_id: str) -> Delivery:
        """Make a message due now.

        Raises:
            RefusedError: ``not_found``.
        """
        delivery = await self._ledger.redeliver(tenant, delivery_id, now=self._clock.now())
        if delivery is None:
            raise RefusedError(RefusalCode.NOT_FOUND, f"there is no delivery {delivery_id!r}")
        return delivery


class TestCallback:
    """Sends one signed test message and says what came of it; nothing is kept and nothing is retried."""

    __test__ = False  # no test case, whatever pytest thinks of the name

    def __init__(self, *, sender: CallbackSender, secrets: Secrets, clock: Clock) -> None:
        self._sender = sender
        self._secrets = secrets
        self._clock = clock

    async def __call__(self, tenant: str, url: str) -> Delivery:
        """Try a callback URL exactly as a real delivery would.

        Returns:
            A delivery with its one attempt.

        Raises:
            RefusedError: the URL is one that the service never connects to.
        """
        try:
            self._sender.check(url)
        except ForbiddenURLError as error:
            code = RefusalCode.INVALID_CALLBACK_URL
            raise RefusedError(code, str(error), errors=(FieldError("/url", str(error), code),)) from error
        now = self._clock.now()
        payload = JobCallback(type="callback.test", timestamp=now.isoformat().replace("+00:00", "Z"), data={})
        body = payload.model_dump_json().encode()
        delivery_id = new_delivery_id()
        receipt = await self._sender.send(Message(id=delivery_id, url=url, body=body, secrets=self._secrets(tenant)))
        follows = verdict(status=receipt.status, retry_after_seconds=None, failures=0, schedule_seconds=(), jitter=0)
        return Delivery(
            id=delivery_id,
            job_id="",
            tenant=tenant,
            url=url,
            body=Body(body),
            created_at=now,
            state=follows.state,
            last_status=receipt.status,
            last_error_code=receipt.error_code,
            attempts=(_attempt(1, receipt, now),),
        )


def _attempt(number: int, receipt: Receipt, started_at: datetime) -> DeliveryAttempt:
    return DeliveryAttempt(
        number=number,
        started_at=started_at,
        duration_ms=receipt.duration_ms,
        status=receipt.status,
        error_code=receipt.error_code,
        dns_ms=receipt.dns_ms,
        connect_ms=receipt.connect_ms,
        tls_ms=receipt.tls_ms,
        first_byte_ms=receipt.first_byte_ms,
        response_excerpt=receipt.response_excerpt,
    )


def _spliced(body: Body, picture: bytes) -> bytes:
    return b"".join((body.head, pybase64.b64encode(picture), body.tail))
