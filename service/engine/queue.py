"""Procrastinate's queues as one process uses them: what it takes, puts back, finishes, and hears of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, NoResult
from procrastinate.jobs import Job as Entry
from procrastinate.jobs import Notification, Status
from procrastinate.manager import JobManager
from psycopg import errors

from service.domain.work import WorkKind
from service.engine.connector import PooledConnector
from service.engine.entries import TASK, lock_of, sooner
from service.engine.finishing import Finishing
from service.ports.ledger import LedgerUnavailableError

Announcement = Callable[[WorkKind, Notification], None]

# Procrastinate's own taking, repeated until it finds nothing: one round trip and one commit for all of them.
_TAKE = """WITH RECURSIVE taken (number, entry) AS (
    SELECT 1, procrastinate_fetch_job_v2(%(queues)s::varchar[], %(worker_id)s)
    UNION ALL
    SELECT number + 1, procrastinate_fetch_job_v2(%(queues)s::varchar[], %(worker_id)s)
    FROM taken WHERE number < %(most)s AND (entry).id IS NOT NULL
)
SELECT (entry).* FROM taken WHERE (entry).id IS NOT NULL ORDER BY number"""

_FORGOTTEN_SECONDS = 3600.0  # after which a silent worker's row goes; its entries are taken over long before


class Queue:
    """The queues of a database, and this process as one of the workers that take from them.

    Methods raise `LedgerUnavailableError` while the database is away.

    Args:
        parameters: Of libpq, for each connection.
        connections: How many statements run at once.
    """

    def __init__(self, parameters: Mapping[str, str], *, connections: int = 4) -> None:
        self._connector = PooledConnector(parameters, connections=connections)
        self._manager = JobManager(self._connector)
        self._finishing = Finishing(self._connector)
        self._worker_id: int | None = None

    async def open(self) -> None:
        """Connect.

        Raises:
            LedgerUnavailableError: the database cannot be reached.
        """
        try:
            await self._connector.open_async()
        except errors.OperationalError as error:
            await self._connector.close_async()
            raise LedgerUnavailableError(f"the queue cannot be reached: {error}") from error

    async def close(self) -> None:
        """Disconnect."""
        await self._connector.close_async()

    # as a worker

    async def enlist(self) -> None:
        """Become a worker, from now on under heartbeats."""
        await self._manager.prune_stalled_workers(_FORGOTTEN_SECONDS)
        self._worker_id = await self._manager.register_worker()

    async def beat(self) -> None:
        """Tell that this worker lives."""
        assert self._worker_id is not None  # noqa: S101 - enlisted before
        await self._manager.update_heartbeat(self._worker_id)

    async def resign(self) -> None:
        """Be a worker no longer; what it still has is free for others."""
        if self._worker_id is not None:
            await self._manager.unregister_worker(self._worker_id)

    async def take(self, kind: WorkKind, *, most: int = 1) -> Sequence[Entry]:
        """Take the most urgent entries that are due and of which nothing runs."""
        assert self._worker_id is not None  # noqa: S101 - enlisted before
        wanted = {"queues": [kind.value], "worker_id": self._worker_id, "most": most}
        try:
            rows = await self._connector.execute_query_all_async(_TAKE, **wanted)
        except ConnectorException as error:
            if isinstance(error.__cause__, errors.ForeignKeyViolation):
                await self.enlist()  # it was silent for so long that its row is gone
            raise
        return [Entry.from_row(row) for row in rows]

    async def finish(self, entry: Entry) -> bool:
        """Remove an entry that runs; False when another worker has taken it over."""
        return await self._finishing.finish(entry)

    async def put_back(self, entry: Entry, *, due_at: datetime | None, failures: int = 0) -> bool:
        """Let an entry that runs wait for another run; False when another worker has taken it over.

        Should this process die in between, there are both the one that runs and the one that waits: who takes the
        first over finds the second.

        Args:
            due_at: None for at once.
        """
        if await self.state(entry.id) is not Status.DOING:
            return False
        await self._defer(entry.evolve(scheduled_at=due_at, task_kwargs=entry.task_kwargs | {"failures": failures}))
        return await self.finish(entry)

    async def _defer(self, entry: Entry) -> None:
        while True:
            try:
                await self._manager.defer_job_async(entry)
            except AlreadyEnqueued:
                for waiting in await self._manager.list_jobs_async(queueing_lock=entry.queueing_lock, status="todo"):
                    merged = sooner(entry, waiting)
                    if (merged.scheduled_at, merged.priority) == (waiting.scheduled_at, waiting.priority):
                        return
                    await self._manager.cancel_job_by_id_async(_id(waiting), delete_job=True)
                    entry = merged
            else:
                return

    # what is to be taken over, and what is to be stopped

    async def abandoned(self, *, silent_seconds: float) -> Sequence[Entry]:
        """Entries that run with workers that have not been heard of for a while, or that are gone."""
        return list(await self._manager.get_stalled_jobs(task_name=TASK, seconds_since_heartbeat=silent_seconds))

    async def taken(self) -> Sequence[Entry]:
        """Entries that run with this worker, as far as the database knows."""
        return list(await self._manager.list_jobs_async(task=TASK, status="doing", worker_id=self._worker_id))

    async def running(self, kind: WorkKind, ref: str) -> int | None:
        """The id of the entry that runs for a ref, with whatever worker."""
        for entry in await self._manager.list_jobs_async(lock=lock_of(kind, ref), status="doing"):
            return entry.id
        return None

    async def state(self, entry_id: int | None) -> Status | None:
        """What an entry does; None when it is gone."""
        assert entry_id is not None  # noqa: S101 - read from the database
        try:
            return await self._manager.get_job_status_async(entry_id)
        except NoResult:
            return None

    async def abort(self, entry_id: int) -> None:
        """Tell the worker that has an entry to stop running it."""
        await self._manager.cancel_job_by_id_async(entry_id, abort=True)

    async def to_abort(self) -> Collection[int]:
        """The ids of running entries that were told to stop."""
        return set(await self._manager.list_jobs_to_abort_async())

    async def depth(self) -> Mapping[WorkKind, int]:
        """How many entries there are, waiting and running."""
        queues = await self._manager.list_queues_async(task=TASK)
        return {WorkKind(queue["name"]): queue["jobs_count"] for queue in queues}

    async def listen(self, kinds: Collection[WorkKind], announce: Announcement) -> None:
        """Announce what is told of some queues, until the connection breaks."""
        names = {f"#{kind.value}": kind for kind in kinds}

        async def told(*, channel: str, notification: Notification) -> None:
            announce(names[channel[channel.index("#") :]], notification)

        await self._manager.listen_for_jobs(on_notification=told, queues=[kind.value for kind in kinds])


def _id(entry: Entry) -> int:
    assert entry.id is not None  # noqa: S101 - read from the database
    return entry.id
