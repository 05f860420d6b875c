"""Statements of a worker: taking a job, its attempts, its end. Each holds the job under the run it was given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, insert, select, update

from service.domain.deliveries import Delivery
from service.domain.jobs import Attempt, Ending, Job, JobStatus
from service.ledger.batch_schema import items
from service.ledger.events import append, happened
from service.ledger.jobs import find
from service.ledger.rows import attempt_values, delivery_values, ending_values, job_of, with_attempts
from service.ledger.schema import WHOLE_JOB, attempts, deliveries, jobs
from service.ledger.types import Moment
from service.ports.ledger import LeaseLostError

_IT = jobs.c.id == bindparam("of_job")
_BEGIN = (
    update(jobs)
    .where(_IT, jobs.c.finished_at.is_(None))
    .values(
        run=jobs.c.run + 1,
        status=JobStatus.RUNNING,
        started_at=func.coalesce(jobs.c.started_at, bindparam("begun_at", type_=Moment())),
    )
    .returning(jobs)
)
_LOCK = select(jobs.c.run, jobs.c.finished_at, jobs.c.warnings).where(_IT).with_for_update(key_share=True)
_LOCK_ITEM = (
    select(items.c.run, items.c.finished_at, items.c.warnings)
    .where(items.c.job_id == bindparam("of_job"), items.c.number == bindparam("of_item"))
    .with_for_update(key_share=True)
)
_CHANGE = update(jobs).where(_IT)
_BEGIN_ATTEMPT = insert(attempts)
CHANGE_ATTEMPT = update(attempts).where(
    attempts.c.job_id == bindparam("of_job"),
    attempts.c.item == bindparam("of_item"),
    attempts.c.number == bindparam("of_number"),
)
_INSERT_DELIVERY = insert(deliveries)


def begin(connection: Connection, job_id: str, now: datetime) -> Job | None:
    """Take a job under a new run number; one that is finished is only read."""
    row = connection.execute(_BEGIN, {"of_job": job_id, "begun_at": now}).one_or_none()
    if row is None:
        return find(connection, None, job_id)
    job = job_of(row)
    if job.run > 1:  # before the first there can be no attempts
        return with_attempts(connection, job)
    append(connection, happened(job_id, "job.running", now))
    return job


def confirm(connection: Connection, job: Job) -> None:
    """Return if a worker still has a job, or the item that it is narrowed to, and it has not ended."""
    if held(connection, job).finished_at is not None:
        raise LeaseLostError(f"{job.id} has ended")


def begin_attempt(connection: Connection, job: Job, attempt: Attempt) -> None:
    """Record that a provider is about to be called."""
    confirm(connection, job)
    connection.execute(_BEGIN_ATTEMPT, attempt_values(attempt) | {"job_id": job.id, "item": job.item or WHOLE_JOB})


def change_attempt(connection: Connection, job: Job, number: int, values: dict[str, Any]) -> None:
    """Record what became of a call. An end that came from outside does not hide what may have been charged."""
    held(connection, job)
    connection.execute(CHANGE_ATTEMPT, _of_attempt(job, number) | values)


def end_attempt(connection: Connection, job: Job, attempt: Attempt) -> None:
    """Record how a call ended."""
    change_attempt(connection, job, attempt.number, attempt_values(attempt))


def withdraw_attempt(connection: Connection, job: Job, attempt: Attempt) -> None:
    """Record that a call was not made, over what whoever has the job now thinks of it."""
    values = attempt_values(attempt)
    told = {name: values[name] for name in ("ended_at", "outcome", "code", "message", "possibly_billed")}
    connection.execute(CHANGE_ATTEMPT, _of_attempt(job, attempt.number) | told)


def finish(connection: Connection, job: Job, ending: Ending, delivery: Delivery | None) -> bool:
    """Record the end of a job, its event and its message; False when it had ended before, whoever ended it."""
    if ending.attempt is not None:
        end_attempt(connection, job, ending.attempt)
    found = _locked(connection, job)
    if found is not None and found.finished_at is not None:
        return False
    connection.execute(_CHANGE, {"of_job": job.id} | end_of(ending, _fenced(found, job).warnings))
    append(connection, ended(job.id, ending))
    if delivery is not None:
        connection.execute(_INSERT_DELIVERY, delivery_values(delivery))
    return True


def attempt_change(job: Job, attempt: Attempt) -> dict[str, Any]:
    """The parameters of `CHANGE_ATTEMPT` for the end of a call."""
    return _of_attempt(job, attempt.number) | attempt_values(attempt)


def _of_attempt(job: Job, number: int) -> dict[str, Any]:
    return {"of_job": job.id, "of_item": job.item or WHOLE_JOB, "of_number": number}


def end_of(ending: Ending, warnings: Iterable[str]) -> dict[str, Any]:
    """What an ending changes in the row of a job that has warnings already."""
    return ending_values(replace(ending, warnings=tuple(dict.fromkeys((*warnings, *ending.warnings)))))


def ended(job_id: str, ending: Ending) -> Mapping[str, Any]:
    """The event of an ending."""
    data = {"status": ending.status.value} | ({"error_code": ending.error.code} if ending.error else {})
    return happened(job_id, f"job.{ending.status.value}", ending.finished_at, data | asdict(ending.progress))


class Held(NamedTuple):
    """What a worker's write is held against."""

    run: int
    finished_at: datetime | None
    warnings: tuple[str, ...]


def _locked(connection: Connection, job: Job) -> Held | None:
    """The job or its item as it stands; on Postgres nobody else changes it until this transaction ends."""
    if job.item is None:
        row = connection.execute(_LOCK, {"of_job": job.id}).one_or_none()
    else:
        row = connection.execute(_LOCK_ITEM, {"of_job": job.id, "of_item": job.item}).one_or_none()
    return None if row is None else Held(*row)


def _fenced(found: Held | None, job: Job) -> Held:
    if found is None or found.run != job.run:
        raise LeaseLostError(f"{job.id} is no longer held by run {job.run}")
    return found


def held(connection: Connection, job: Job) -> Held:
    """The job, or the item that it is narrowed to, held under the run that the worker was given.

    Raises:
        LeaseLostError: another worker has taken it.
    """
    return _fenced(_locked(connection, job), job)
