"""Sources: getting the bytes of a job's picture when its turn has come."""

from __future__ import annotations

from dataclasses import dataclass

from service.domain.jobs import Job, JobError
from service.domain.pictures import PictureRefusedError
from service.ports.fetching import Fetcher, FetchError, ForbiddenURLError
from service.ports.imaging import Imaging
from service.ports.storage import ObjectTooLargeError, Storage, StorageError
from service.usecases.head_start import HeadStart


class SourceError(Exception):
    """There is no picture to work on; `transient` when there may be one later."""

    def __init__(self, error: JobError, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.transient = error.retryable
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class LoadedSource:
    """The bytes that go in."""

    picture: bytes
    mask: bytes | None


class Sources:
    """Loads pictures from where they are: just at hand, in the storage or on the web."""

    def __init__(
        self, *, storage: Storage, fetcher: Fetcher, imaging: Imaging, head_start: HeadStart, max_image_bytes: int
    ) -> None:
        self._storage = storage
        self._head_start = head_start
        self._fetcher = fetcher
        self._imaging = imaging
        self._max_image_bytes = max_image_bytes

    async def load(self, job: Job) -> LoadedSource:
        """Read a job's picture and mask and check their headers.

        Raises:
            SourceError: they cannot be had, or are no pictures that the service accepts.
        """
        try:
            picture = await self._picture(job)
            self._imaging.inspect(picture)
            mask = None
            if job.mask is not None:
                mask = (await self._storage.get(job.mask, max_bytes=self._max_image_bytes)).data
        except PictureRefusedError as error:
            raise SourceError(JobError(code=error.fault, message=error.message)) from error
        except ForbiddenURLError as error:
            raise SourceError(JobError(code="image_url_forbidden", message=str(error))) from error
        except FetchError as error:
            said = JobError(code=error.code, message=str(error), retryable=error.transient)
            raise SourceError(said, retry_after_seconds=error.retry_after_seconds) from error
        except ObjectTooLargeError as error:
            raise SourceError(JobError(code="image_too_large", message=str(error))) from error
        except StorageError as error:
            raise SourceError(JobError(code=error.code, message=str(error), retryable=error.transient)) from error
        return LoadedSource(picture, mask)

    async def _picture(self, job: Job) -> bytes:
        if (ahead := self._head_start.picture(job.id)) is not None:
            return ahead
        source = job.source
        if source is not None and source.object is not None:
            return (await self._storage.get(source.object, max_bytes=self._max_image_bytes)).data
        if source is not None and source.url is not None:
            return await self._fetcher.fetch(source.url, max_bytes=self._max_image_bytes)
        raise SourceError(JobError(code="invalid_request", message="the job has no picture"))
