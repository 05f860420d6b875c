"""Statements that begin, and end, any number of jobs in one transaction.

They leave out what is not ordinary: a job that somebody else changes at the moment, that has ended, that another run or
worker has, that is not there. What is to become of it the statements of `running` know, which concern one job. So no
transaction for several jobs ever waits for the lock on one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, insert, select, update

from service.domain.deliveries import Delivery
from service.domain.jobs import Ending, Job, JobStatus
from service.domain.work import Work
from service.ledger.events import append, happened
from service.ledger.rows import delivery_values, job_of, with_attempts
from service.ledger.running import CHANGE_ATTEMPT, attempt_change, end_of, ended
from service.ledger.schema import deliveries, jobs


@dataclass(frozen=True, slots=True)
class Begin:
    """A job to be taken, at a moment, by a worker that was given work."""

    job_id: str
    now: datetime
    work: Work | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """A job to be ended, and the message about it."""

    job: Job
    ending: Ending
    delivery: Delivery | None


_THESE = (jobs.c.id.in_(bindparam("of_jobs", expanding=True)), jobs.c.finished_at.is_(None))
_LOCK_TO_BEGIN = select(jobs).where(*_THESE).with_for_update(key_share=True, skip_locked=True)
_LOCK_TO_FINISH = (
    select(jobs.c.id, jobs.c.run, jobs.c.warnings).where(*_THESE).with_for_update(key_share=True, skip_locked=True)
)
_CHANGE = update(jobs).where(jobs.c.id == bindparam("of_job"))
_INSERT_DELIVERY = insert(deliveries)


def begin(
    connection: Connection,
    begins: Sequence[Begin],
    *,
    holds: Callable[[Connection, Sequence[Work | None]], Sequence[bool]],
) -> list[Job | None]:
    """Take jobs under new run numbers; None for each that was left out.

    Args:
        holds: Which pieces of work are still those of the workers that they were given to.
    """
    rows = connection.execute(_LOCK_TO_BEGIN, {"of_jobs": [begin.job_id for begin in begins]})
    found = {row.id: job_of(row) for row in rows}
    held = holds(connection, [begin.work for begin in begins])
    begun = [
        _begun(found.pop(begin.job_id, None), begin) if is_held else None  # the second time it is left out
        for begin, is_held in zip(begins, held, strict=True)
    ]
    taken = [job for job in begun if job is not None]
    _run(connection, _CHANGE, [{"of_job": job.id} | _beginning(job) for job in taken])
    first = [(job, begin) for job, begin in zip(begun, begins, strict=True) if job is not None and job.run == 1]
    append(connection, *(happened(job.id, "job.running", begin.now) for job, begin in first))
    return [with_attempts(connection, job) if job is not None and job.run > 1 else job for job in begun]


def _begun(job: Job | None, begin: Begin) -> Job | None:
    if job is None:
        return None
    started_at = job.started_at or begin.now
    return replace(job, run=job.run + 1, status=JobStatus.RUNNING, started_at=started_at, work=begin.work)


def _beginning(job: Job) -> dict[str, Any]:
    return {"run": job.run, "status": job.status, "started_at": job.started_at}


def finish(connection: Connection, ends: Sequence[Finish]) -> list[bool]:
    """Record the ends of jobs, their events and their messages; False for each that was left out."""
    rows = connection.execute(_LOCK_TO_FINISH, {"of_jobs": [end.job.id for end in ends]})
    found = {(row.id, row.run): row.warnings for row in rows}
    warnings = [found.pop((end.job.id, end.job.run), None) for end in ends]  # the second time it is left out
    ordinary = [(end, known) for end, known in zip(ends, warnings, strict=True) if known is not None]
    _run(connection, _CHANGE, [{"of_job": end.job.id} | end_of(end.ending, known) for end, known in ordinary])
    tried = [(end.job, end.ending.attempt) for end, _ in ordinary if end.ending.attempt is not None]
    _run(connection, CHANGE_ATTEMPT, [attempt_change(job, attempt) for job, attempt in tried])
    append(connection, *(ended(end.job.id, end.ending) for end, _ in ordinary))
    _run(connection, _INSERT_DELIVERY, [delivery_values(end.delivery) for end, _ in ordinary if end.delivery])
    return [known is not None for known in warnings]


def _run(connection: Connection, statement: Executable, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(statement, rows)
