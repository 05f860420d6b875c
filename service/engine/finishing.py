"""Entries that have run, removed from the queue together."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from procrastinate.jobs import Job as Entry

from service.engine.connector import PooledConnector

# Procrastinate's own finishing, of those entries that there still are.
_FINISH = """SELECT id FROM (
    SELECT id FROM procrastinate_jobs WHERE id = ANY(%(ids)s::bigint[]) AND status IN ('todo', 'doing') FOR UPDATE
) AS ours, LATERAL procrastinate_finish_job_v1(id, 'succeeded', true)"""


class Finishing:
    """Finishes with one statement what ended while the one before was under way; what ends alone at once."""

    def __init__(self, connector: PooledConnector) -> None:
        self._connector = connector
        self._turn = asyncio.Semaphore(1)
        self._ended: list[int | None] = []
        self._finished: asyncio.Task[Collection[int]] | None = None

    async def finish(self, entry: Entry) -> bool:
        """Remove an entry that runs; False when another worker has taken it over."""
        if self._finished is None:
            self._finished = asyncio.create_task(self._finish_next())
        self._ended.append(entry.id)
        return entry.id in await asyncio.shield(self._finished)

    async def _finish_next(self) -> Collection[int]:
        async with self._turn:
            ended, self._ended, self._finished = self._ended, [], None
            rows = await self._connector.execute_query_all_async(_FINISH, ids=ended)
            return {row["id"] for row in rows}
