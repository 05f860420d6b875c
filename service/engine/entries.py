"""Work as entries of Procrastinate's queues: one queue for each kind, one waiting entry for each kind and ref."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Job as Entry
from procrastinate.manager import JobManager
from sqlalchemy import Connection, text

from service.domain.work import Work, WorkKind
from service.engine.connector import TransactionConnector

TASK = "afterimage"
"""What all our entries are called; whoever takes one knows what to do from its queue."""

_RUN = text("SELECT id FROM procrastinate_jobs WHERE id = ANY(:entries) AND status = 'doing'")


def lock_of(kind: WorkKind, ref: str) -> str:
    """What two entries for the same kind and ref share: only one waits, and only one runs."""
    return f"{kind.value}/{ref}"


def entry_of(work: Work, *, now: datetime, failures: int = 0) -> Entry:
    """Work as an entry; what is due already is given no moment, so that no clock of another machine can delay it.

    Args:
        failures: How often in a row its handler has failed.
    """
    lock = lock_of(work.kind, work.ref)
    return Entry(
        queue=work.kind.value,
        task_name=TASK,
        lock=lock,
        queueing_lock=lock,
        priority=work.priority,
        scheduled_at=work.due_at if work.due_at > now else None,
        task_kwargs={"ref": work.ref, "failures": failures},
    )


def work_of(entry: Entry, *, now: datetime) -> Work:
    """The work that an entry stands for."""
    ref = str(entry.task_kwargs["ref"])
    due_at = entry.scheduled_at or now
    return Work(kind=WorkKind(entry.queue), ref=ref, due_at=due_at, priority=entry.priority, entry=entry.id)


def failures_of(entry: Entry) -> int:
    """How often in a row the handler has failed before."""
    failures = entry.task_kwargs["failures"]
    assert isinstance(failures, int)  # noqa: S101 - written by `entry_of`
    return failures


def sooner(entry: Entry, waiting: Entry) -> Entry:
    """An entry in place of itself and one that waits: due when either is, as urgent as the more urgent."""
    moments = (entry.scheduled_at, waiting.scheduled_at)
    return entry.evolve(
        scheduled_at=min(moment for moment in moments if moment is not None) if None not in moments else None,
        priority=max(entry.priority, waiting.priority),
    )


def defer(connection: Connection, entries: Sequence[Entry]) -> None:
    """Add entries within a transaction; one for which another waits already takes its place, due at the earlier moment.

    The other is replaced even where it is due earlier: until the transaction is committed nobody can take the new one,
    so that its handler sees what was written together with it.
    """
    manager = JobManager(TransactionConnector(connection))
    ordered = sorted(entries, key=lambda entry: entry.lock or "")  # transactions that wait for each other do so in turn
    if not _added(connection, manager, ordered):
        for entry in ordered:
            _replace(connection, manager, entry)


def run(connection: Connection, work: Sequence[Work]) -> list[bool]:
    """Whether each piece of work still runs under the entry that it came with: taking over makes another."""
    running = set(connection.scalars(_RUN, {"entries": [piece.entry for piece in work]}))
    return [piece.entry in running for piece in work]


def _replace(connection: Connection, manager: JobManager, entry: Entry) -> None:
    while True:
        for waiting in manager.list_jobs(queueing_lock=entry.queueing_lock, status="todo"):
            assert waiting.id is not None  # noqa: S101 - read from the database
            if manager.cancel_job_by_id(waiting.id, delete_job=True):  # else somebody has taken it
                entry = sooner(entry, waiting)
        if _added(connection, manager, [entry]):
            return


def _added(connection: Connection, manager: JobManager, entries: list[Entry]) -> bool:
    try:
        with connection.begin_nested():
            manager.batch_defer_jobs(entries)
    except AlreadyEnqueued:
        return False
    return True
