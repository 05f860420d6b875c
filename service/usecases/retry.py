"""Doing a single job again: a new job of the same picture and the same wishes."""

from __future__ import annotations

from service.domain.batches import ItemStatus
from service.domain.jobs import Job, JobStatus, OutputSource
from service.domain.objects import ObjectRef
from service.domain.refusals import RefusalCode, RefusedError
from service.ports.ledger import Accepted
from service.ports.storage import ObjectMissingError, Storage
from service.usecases.accept import AcceptJob
from service.usecases.submissions import InlineSource, LinkedSource, ObjectSource, Submission


class RetryJob:
    """Submits once more what an ended job was asked for.

    What the service had stored for the ended job is stored anew: the new one must not lose its picture when the time of
    the other is over.
    """

    def __init__(self, *, accept: AcceptJob, storage: Storage, max_image_bytes: int) -> None:
        self._accept = accept
        self._storage = storage
        self._max_image_bytes = max_image_bytes

    async def __call__(self, job: Job, status: ItemStatus) -> Accepted:
        """Accept a job like this one, with a callback to the same receiver.

        Args:
            job: One that has ended.
            status: ``FAILED`` for one without a result, ``FALLBACK`` for one whose result was made locally.

        Raises:
            RefusedError: there is nothing to do again; its picture has been removed; why it cannot be accepted.
            StorageError: the store failed; nothing was accepted.
            LedgerUnavailableError: the database failed; nothing was accepted.
        """
        if status is not _ended_as(job):
            raise RefusedError(RefusalCode.ALREADY_FINISHED, f"nothing of it is {status.value}: it {job.status.value}")
        return await self._accept(
            Submission(
                tenant=job.tenant,
                contract=job.contract,
                operation=job.operation,
                prompt=job.prompt,
                source=await self._source(job),
                filename=job.filename,
                mask=None if job.mask is None else await self._read(job, job.mask),
                parameters=job.parameters,
                provider=job.provider,
                callback_url=job.callback_url,
                metadata=job.metadata,
                retry_possibly_billed=job.retry_possibly_billed,
                deadline_seconds=(
                    None if job.deadline_at is None else (job.deadline_at - job.created_at).total_seconds()
                ),
            )
        )

    async def _source(self, job: Job) -> InlineSource | LinkedSource | ObjectSource:
        match job.source:
            case None:
                raise RefusedError(RefusalCode.INVALID_REQUEST, "the job has no picture")
            case source if source.object is not None and source.owned:
                return InlineSource(await self._read(job, source.object))
            case source if source.object is not None:
                return ObjectSource(source.object.key, source.object.bucket)
            case source:
                return LinkedSource(source.url or "")

    async def _read(self, job: Job, ref: ObjectRef) -> bytes:
        try:
            return (await self._storage.get(ref, max_bytes=self._max_image_bytes)).data
        except ObjectMissingError:
            raise RefusedError(RefusalCode.EXPIRED, f"the picture of job {job.id!r} has been removed") from None


def _ended_as(job: Job) -> ItemStatus:
    """As what the job's one picture would count in a batch."""
    if job.status is not JobStatus.SUCCEEDED:
        return ItemStatus.FAILED
    fell_back = job.output is not None and job.output.source is OutputSource.FALLBACK
    return ItemStatus.FALLBACK if fell_back else ItemStatus.SUCCEEDED
