"""Statements about messages on their way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from service.domain.deliveries import Delivery, DeliveryAttempt, DeliveryState
from service.ledger.rows import deliveries_of, delivery_attempt_values
from service.ledger.schema import deliveries, delivery_attempts

_IT = deliveries.c.id == bindparam("of_delivery")
_FIND = select(deliveries).where(_IT)
_SEEN = select(deliveries.c.state, deliveries.c.next_attempt_at).where(_IT).with_for_update(key_share=True)
_CHANGE = update(deliveries).where(_IT)
_LAST = select(func.coalesce(func.max(delivery_attempts.c.number), 0)).where(
    delivery_attempts.c.delivery_id == bindparam("of_delivery")
)
_APPEND = insert(delivery_attempts).values(number=_LAST.scalar_subquery() + 1)


def find(connection: Connection, tenant: str | None, delivery_id: str) -> Delivery | None:
    """One message with its attempts."""
    query = _FIND if tenant is None else _FIND.where(deliveries.c.tenant == tenant)
    found = deliveries_of(connection, connection.execute(query, {"of_delivery": delivery_id}).all())
    return found[0] if found else None


def of_job(connection: Connection, tenant: str, job_id: str) -> Sequence[Delivery]:
    """The messages of a job, oldest first."""
    query = (
        select(deliveries)
        .where(deliveries.c.job_id == job_id, deliveries.c.tenant == tenant)
        .order_by(deliveries.c.created_at, deliveries.c.id)
    )
    return deliveries_of(connection, connection.execute(query).all())


def record(
    connection: Connection,
    delivery: Delivery,
    attempt: DeliveryAttempt,
    state: DeliveryState,
    next_attempt_at: datetime | None,
) -> None:
    """Write down one attempt and what follows from it.

    An attempt that was out while the schedule was started anew by hand, or while another worker made one that
    succeeded, is history: it takes its number and changes nothing else, unless it succeeded itself.
    """
    row = connection.execute(_SEEN, {"of_delivery": delivery.id}).one_or_none()
    if row is None:
        return  # pruned meanwhile
    values = delivery_attempt_values(attempt)
    del values["number"]  # the table knows which one it is
    connection.execute(_APPEND, values | {"of_delivery": delivery.id, "delivery_id": delivery.id})
    if row.state is DeliveryState.DELIVERED and state is not DeliveryState.DELIVERED:
        return
    changes: dict[str, Any] = {"last_status": attempt.status, "last_error_code": attempt.error_code}
    unchanged = (row.state, row.next_attempt_at) == (delivery.state, delivery.next_attempt_at)
    if unchanged or state is DeliveryState.DELIVERED:
        failed = state is not DeliveryState.DELIVERED
        changes |= {"state": state, "next_attempt_at": next_attempt_at, "failures": delivery.failures + failed}
    connection.execute(_CHANGE, {"of_delivery": delivery.id} | changes)


def restart(connection: Connection, tenant: str, delivery_id: str, now: datetime) -> Delivery | None:
    """Start the schedule of a message anew, due now."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == delivery_id, deliveries.c.tenant == tenant)
        .values(state=DeliveryState.PENDING, failures=0, next_attempt_at=now)
    )
    return find(connection, tenant, delivery_id)
