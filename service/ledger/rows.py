"""Between the nouns of the domain and the rows of the tables. Columns carry the names of the fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, bindparam, select

from service.domain.deliveries import Body, Delivery, DeliveryAttempt
from service.domain.events import Event
from service.domain.jobs import Attempt, Ending, Job, Progress
from service.ledger.schema import WHOLE_JOB, attempts, delivery_attempts

_T = TypeVar("_T")


def _names(shape: type[Any], *without: str) -> tuple[str, ...]:
    return tuple(field.name for field in fields(shape) if field.name not in without)


_JOB = _names(Job, "progress", "attempts", "item", "work")
_ENDING = _names(Ending, "progress", "attempt")
_PROGRESS = _names(Progress)
_ATTEMPT = _names(Attempt)
_DELIVERY = _names(Delivery, "body", "attempts")
_DELIVERY_ATTEMPT = _names(DeliveryAttempt)
_BODY = _names(Body)
_EVENT = _names(Event)

_ATTEMPTS = (
    select(attempts)
    .where(attempts.c.job_id == bindparam("of_job"), attempts.c.item == WHOLE_JOB)
    .order_by(attempts.c.number)
)
_DELIVERY_ATTEMPTS = (
    select(delivery_attempts)
    .where(delivery_attempts.c.delivery_id.in_(bindparam("of_deliveries", expanding=True)))
    .order_by(delivery_attempts.c.delivery_id, delivery_attempts.c.number)
)


def _values(noun: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(noun, name) for name in names}


def _noun(shape: type[_T], row: Row[Any], names: Sequence[str], **more: Any) -> _T:
    return shape(**{name: row._mapping[name] for name in names}, **more)  # noqa: SLF001 - public, despite its name


def job_values(job: Job) -> dict[str, Any]:
    """A job as a row of `jobs`."""
    return _values(job, _JOB) | _values(job.progress, _PROGRESS)


def ending_values(ending: Ending) -> dict[str, Any]:
    """What an ending changes in a row of `jobs`."""
    return _values(ending, _ENDING) | _values(ending.progress, _PROGRESS)


def job_of(row: Row[Any]) -> Job:
    """The job in a row of `jobs`, without its attempts."""
    return _noun(Job, row, _JOB, progress=_noun(Progress, row, _PROGRESS))


def with_attempts(connection: Connection, job: Job) -> Job:
    """A job together with its attempts, those of a batch's items apart."""
    rows = connection.execute(_ATTEMPTS, {"of_job": job.id})
    return replace(job, attempts=tuple(map(attempt_of, rows)))


def attempt_values(attempt: Attempt) -> dict[str, Any]:
    """An attempt as a row of `attempts`, without the job it belongs to."""
    return _values(attempt, _ATTEMPT)


def attempt_of(row: Row[Any]) -> Attempt:
    """The attempt in a row of `attempts`."""
    return _noun(Attempt, row, _ATTEMPT)


def event_of(row: Row[Any]) -> Event:
    """The event in a row of `events`."""
    return _noun(Event, row, _EVENT)


def delivery_values(delivery: Delivery) -> dict[str, Any]:
    """A message as a row of `deliveries`."""
    return _values(delivery, _DELIVERY) | _values(delivery.body, _BODY)


def delivery_attempt_values(attempt: DeliveryAttempt) -> dict[str, Any]:
    """An attempt as a row of `delivery_attempts`, without the message it belongs to."""
    return _values(attempt, _DELIVERY_ATTEMPT)


def deliveries_of(connection: Connection, rows: Sequence[Row[Any]]) -> list[Delivery]:
    """The messages in rows of `deliveries`, with their attempts."""
    ids = [row.id for row in rows]
    made: dict[str, list[DeliveryAttempt]] = {}
    for row in connection.execute(_DELIVERY_ATTEMPTS, {"of_deliveries": ids}):
        made.setdefault(row.delivery_id, []).append(_noun(DeliveryAttempt, row, _DELIVERY_ATTEMPT))
    return [
        _noun(Delivery, row, _DELIVERY, body=_noun(Body, row, _BODY), attempts=tuple(made.get(row.id, ())))
        for row in rows
    ]
