"""The report of a batch: every item in one of its CSV parts, written page by page."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from service.domain.batches import ItemStatus
from service.domain.jobs import Job
from service.domain.objects import ObjectRef
from service.domain.reports import PART_ROWS, PartFile, as_csv, error_line, manifest, manifest_key, part_key, row
from service.ports.batches import BatchLedger, ItemQuery
from service.ports.storage import Storage, StorageError

_PAGE_ITEMS = 500
_MOST_ERRORS = 20
_STORE_SECONDS = 300  # how long a store that is away is waited for


@dataclass(frozen=True, slots=True)
class Report:
    """What was written. `errors` are the first lines about items that failed, then about those that fell back."""

    manifest: ObjectRef
    errors: tuple[str, ...]


class WriteReport:
    """Writes reports. Memory holds one part of each status at most, however large the batch is."""

    def __init__(self, *, batches: BatchLedger, storage: Storage) -> None:
        self._batches = batches
        self._storage = storage

    async def __call__(self, job: Job, *, now: datetime) -> Report:
        """Write the report of a batch whose items are all final; what an earlier run has written stays.

        Raises:
            StorageError: it could not be stored within five minutes.
        """
        rows: dict[ItemStatus, list[tuple[str, ...]]] = defaultdict(list)
        errors: dict[ItemStatus, list[str]] = {ItemStatus.FAILED: [], ItemStatus.FALLBACK: []}
        parts: list[PartFile] = []
        after = 0
        while items := await self._batches.items(ItemQuery(job_id=job.id, after=after, limit=_PAGE_ITEMS)):
            after = items[-1].number
            for item in items:
                lines = rows[item.status]
                lines.append(row(item))
                if item.status in errors and len(errors[item.status]) < _MOST_ERRORS:
                    errors[item.status].append(error_line(item))
                if len(lines) == PART_ROWS:
                    parts.append(await self._part(job, item.status, parts, lines))
                    lines.clear()
        for status, lines in rows.items():
            if lines:
                parts.append(await self._part(job, status, parts, lines))
        description = ObjectRef(job.target.bucket, manifest_key(job))
        said = json.dumps(manifest(job, job.progress, parts, now), indent=2, ensure_ascii=False)
        await self._store(description, said.encode(), "application/json")
        told = (*errors[ItemStatus.FAILED], *errors[ItemStatus.FALLBACK])[:_MOST_ERRORS]
        return Report(description, told)

    async def _part(
        self, job: Job, status: ItemStatus, earlier: list[PartFile], lines: list[tuple[str, ...]]
    ) -> PartFile:
        number = 1 + sum(part.status is status for part in earlier)
        ref = ObjectRef(job.target.bucket, part_key(job, status, number))
        data = await asyncio.to_thread(as_csv, lines)
        await self._store(ref, data, "text/csv")
        return PartFile(
            status=status,
            bucket=ref.bucket,
            key=ref.key,
            rows=len(lines),
            byte_count=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )

    async def _store(self, ref: ObjectRef, data: bytes, mime_type: str) -> None:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, StorageError) and error.transient),
            stop=stop_after_delay(_STORE_SECONDS),
            wait=wait_exponential_jitter(initial=0.2, max=15),
            reraise=True,
        ):
            with attempt:
                await self._storage.put(ref, data, mime_type=mime_type)
