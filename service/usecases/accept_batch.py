"""Accepting a batch: what can be known to be wrong is said now; the listing happens when it runs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from service.domain.batches import Batch, Found, ItemStatus, Selection, Staging
from service.domain.identifiers import new_job_id
from service.domain.jobs import Job, Progress
from service.domain.keys import batch_prefix
from service.domain.objects import ObjectRef
from service.domain.operations import EDIT
from service.domain.refusals import RefusalCode
from service.ports.batches import BatchLedger
from service.ports.callbacks import CallbackSender
from service.ports.clock import Clock
from service.ports.fetching import Fetcher
from service.ports.ledger import Accepted, IdempotencyKey, Ledger
from service.ports.provider import Providers
from service.ports.storage import Storage
from service.telemetry.metrics import Metrics
from service.usecases.named_items import NamedItems, checked, item_list
from service.usecases.quota import Quota
from service.usecases.refusing import check_callback, check_provider, refused
from service.usecases.replays import Replays
from service.usecases.submissions import BatchSubmission

_ITEMS_A_STREAM = 25  # in work at a time
_MOST_STREAMS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """What an operator decides about batches.

    Attributes:
        concurrency: Where the caller names none.
        most_concurrency: More is not given, whatever the caller asks for.
        seconds: What a picture is expected to take at a model, and edited locally.
    """

    input_prefix: str
    output_prefix: str
    output_format: str
    concurrency: int
    most_concurrency: int
    seconds: tuple[float, float] = (20.0, 0.5)


@dataclass(frozen=True, slots=True)
class Planned:
    """What a submission becomes; `named` are the pictures of the list that the batch's selection speaks of."""

    job: Job
    batch: Batch
    named: tuple[Found, ...] = ()


class PlanBatch:
    """Turns a submission into a job and its batch, without keeping anything."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        storage: Storage,
        callbacks: CallbackSender,
        fetcher: Fetcher,
        providers: Providers,
        clock: Clock,
        plan: BatchPlan,
    ) -> None:
        self._ledger = ledger
        self._storage = storage
        self._callbacks = callbacks
        self._fetcher = fetcher
        self._providers = providers
        self._clock = clock
        self._plan = plan

    async def __call__(self, submission: BatchSubmission) -> Planned:
        """Check everything and settle what was left open.

        Raises:
            RefusedError: naming the field.
            StorageError: the store could not be asked for the manifest.
        """
        check_callback(submission, self._callbacks)
        provider = check_provider(submission, EDIT.name, self._providers)
        selection = await self._selection(submission)
        named = await self._named(submission)
        output_bucket = self._bucket(submission, "output_bucket", submission.output_bucket, self._storage.output_bucket)
        prefix = self._plan.output_prefix if submission.output_prefix is None else submission.output_prefix
        parameters = {"output_format": self._plan.output_format} | dict(submission.parameters)
        asked = submission.concurrency or self._plan.concurrency
        concurrency = min(asked, self._plan.most_concurrency)
        job_id = new_job_id()
        if named:
            selection = replace(selection, named=item_list(output_bucket, job_id, len(named)))
        job = Job(
            id=job_id,
            tenant=submission.tenant,
            contract=submission.contract,
            operation=EDIT.name,
            prompt=submission.prompt,
            source=None,
            target=ObjectRef(output_bucket, batch_prefix(prefix, job_id)),
            created_at=self._clock.now(),
            parameters=parameters,
            provider=submission.provider,
            metadata=submission.metadata,
            retry_possibly_billed=submission.retry_possibly_billed,
            callback_url=submission.callback_url,
            progress=Progress(total=0),
            warnings=() if asked == concurrency else (f"{concurrency} pictures at a time, which is the most",),
        )
        batch = Batch(
            job_id=job_id,
            selection=selection,
            output_prefix=prefix,
            likeness=_likeness(job, prefix, parameters, submission.staging),
            concurrency=concurrency,
            streams=min(_MOST_STREAMS, math.ceil(concurrency / _ITEMS_A_STREAM)),
            max_cost_usd=submission.max_cost_usd,
            item_cost_usd=await provider.estimate(parameters),
            item_seconds=self._plan.seconds[0 if provider.capabilities.paid else 1],
            dry_run=submission.dry_run,
            staging=submission.staging,
        )
        return Planned(job, batch, named)

    async def _named(self, submission: BatchSubmission) -> tuple[Found, ...]:
        if not submission.pictures:
            return ()
        return await asyncio.to_thread(checked, submission.pictures, storage=self._storage, fetcher=self._fetcher)

    async def _selection(self, submission: BatchSubmission) -> Selection:
        bucket = self._bucket(submission, "bucket", submission.bucket, self._storage.input_bucket)
        earlier_job_id, status = _earlier(submission)
        if earlier_job_id is not None:
            await self._check_earlier(submission, earlier_job_id)
        whole = earlier_job_id is not None or submission.manifest is not None
        default_prefix = "" if whole else self._plan.input_prefix
        manifest = None if submission.manifest is None else ObjectRef(bucket, submission.manifest)
        if manifest is not None and await self._storage.head(manifest) is None:
            detail = f"there is no object {manifest.key!r} in bucket {bucket!r}"
            raise refused(submission, "manifest", RefusalCode.OBJECT_NOT_FOUND, detail)
        return Selection(
            bucket=bucket,
            prefix=default_prefix if submission.prefix is None else submission.prefix,
            include=submission.include,
            exclude=submission.exclude,
            max_items=submission.max_items,
            earlier_job_id=earlier_job_id,
            earlier_status=status,
            manifest=manifest,
            skip_existing=submission.skip_existing,
        )

    async def _check_earlier(self, submission: BatchSubmission, job_id: str) -> None:
        part = "only_failed_of" if submission.only_failed_of else "redo_fallbacks_of"
        earlier = await self._ledger.job(submission.tenant, job_id)
        if earlier is None or not earlier.contract.is_batch:
            raise refused(submission, part, RefusalCode.INVALID_REQUEST, f"there is no batch {job_id!r}")
        if not earlier.finished:
            raise refused(submission, part, RefusalCode.INVALID_REQUEST, f"{job_id!r} has not ended yet")

    def _bucket(self, submission: BatchSubmission, part: str, asked: str | None, default: str) -> str:
        if asked is not None and asked not in self._storage.buckets:
            detail = f"bucket {asked!r} is not one of the configured buckets"
            raise refused(submission, part, RefusalCode.UNKNOWN_BUCKET, detail)
        return asked or default


class AcceptBatch:
    """Turns a submission into a durable batch."""

    def __init__(
        self,
        *,
        batches: BatchLedger,
        storage: Storage,
        plan: PlanBatch,
        quota: Quota,
        replays: Replays,
        metrics: Metrics,
    ) -> None:
        self._batches = batches
        self._named = NamedItems(storage=storage)
        self._plan = plan
        self._quota = quota
        self._replays = replays
        self._metrics = metrics

    async def __call__(self, submission: BatchSubmission) -> Accepted:
        """Check, store what the request names, and record.

        Returns:
            The new batch, or the one that the idempotency key already stands for.

        Raises:
            RefusedError: nothing of the request was kept.
            StorageError: the store failed; nothing was accepted.
            LedgerUnavailableError: the database failed; nothing was accepted.
        """
        async with self._replays.guard(submission) as known:
            if known is not None:
                return known
            planned = await self._plan(submission)
            await self._quota.admit(submission.tenant)
            accepted = await self._record(planned, submission.idempotency)
            self._metrics.job_accepted(planned.job.operation, planned.job.contract.value)
            return self._replays.confirm(submission, accepted)

    async def _record(self, planned: Planned, idempotency: IdempotencyKey | None) -> Accepted:
        named = planned.batch.selection.named
        kept = False
        try:
            if named is not None:
                await self._named.store(named, planned.named)
            accepted = await self._batches.accept_batch(planned.job, planned.batch, idempotency=idempotency)
            kept = not accepted.replayed
            return accepted
        finally:
            if named is not None and not kept:
                await self._named.remove(named)


def _earlier(submission: BatchSubmission) -> tuple[str | None, ItemStatus | None]:
    if submission.only_failed_of is not None:
        return submission.only_failed_of, ItemStatus.FAILED
    if submission.redo_fallbacks_of is not None:
        return submission.redo_fallbacks_of, ItemStatus.FALLBACK
    return None, None


def _likeness(job: Job, prefix: str, parameters: Mapping[str, Any], staging: Staging | None) -> str:
    said: list[Any] = [job.tenant, job.operation, job.prompt, job.target.bucket, prefix, parameters]
    if staging is not None:
        said.append(staging.secondary_prompt)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
