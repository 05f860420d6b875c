"""Checks: everything about a submission that can be known to be wrong before anything is kept of it."""

from __future__ import annotations

from dataclasses import dataclass

from service.domain.jobs import Source
from service.domain.objects import ObjectRef
from service.domain.pictures import PictureFault, PictureRefusedError
from service.domain.refusals import RefusalCode
from service.ports.callbacks import CallbackSender
from service.ports.fetching import Fetcher, ForbiddenURLError
from service.ports.imaging import Imaging
from service.ports.provider import Providers
from service.ports.storage import Storage
from service.usecases.refusing import check_callback, check_provider, refused
from service.usecases.submissions import InlineSource, LinkedSource, ObjectSource, Submission


@dataclass(frozen=True, slots=True)
class Checked:
    """A source that passed; `data` is what must be stored for it."""

    source: Source
    data: bytes | None = None


class Checks:
    """Checks submissions. Decodes no pixel, resolves no name, calls nobody but the configured storage."""

    def __init__(
        self,
        *,
        storage: Storage,
        imaging: Imaging,
        fetcher: Fetcher,
        callbacks: CallbackSender,
        providers: Providers,
        max_image_bytes: int,
    ) -> None:
        self._storage = storage
        self._imaging = imaging
        self._fetcher = fetcher
        self._callbacks = callbacks
        self._providers = providers
        self._max_image_bytes = max_image_bytes

    async def __call__(self, submission: Submission) -> Checked:
        """Check the callback URL, the provider and its parameters, the mask and the source.

        Raises:
            RefusedError: naming the field.
            StorageError: the store could not be asked for an object.
        """
        check_callback(submission, self._callbacks)
        self._check_provider(submission)
        self._check_mask(submission)
        return await self._check_source(submission)

    def _check_provider(self, submission: Submission) -> None:
        provider = check_provider(submission, submission.operation, self._providers)
        if submission.provider is None:
            return  # what the chosen one does not take is left out with a warning
        if submission.mask is not None and provider.capabilities.mask_max_bytes is None:
            raise refused(submission, "mask", RefusalCode.UNSUPPORTED_PARAMETER, f"{provider.name} takes no mask")

    async def _check_source(self, submission: Submission) -> Checked:
        match submission.source:
            case InlineSource(data):
                return self._check_inline(submission, data)
            case LinkedSource(url):
                try:
                    self._fetcher.check(url)
                except ForbiddenURLError as error:
                    raise refused(submission, "source", RefusalCode.INVALID_IMAGE_URL, str(error)) from error
                return Checked(Source(url=url))
            case ObjectSource(key, bucket):
                return await self._check_object(submission, ObjectRef(bucket or self._storage.input_bucket, key))

    def _check_inline(self, submission: Submission, data: bytes) -> Checked:
        try:
            info = self._imaging.inspect(data)
        except PictureRefusedError as error:
            raise refused(submission, "source", error.fault, error.message) from error
        source = Source(mime_type=info.mime_type, byte_count=len(data), width=info.width, height=info.height)
        return Checked(source, data)

    async def _check_object(self, submission: Submission, ref: ObjectRef) -> Checked:
        if ref.bucket not in self._storage.buckets:
            detail = f"bucket {ref.bucket!r} is not one of the configured buckets"
            raise refused(submission, "bucket", RefusalCode.UNKNOWN_BUCKET, detail)
        info = await self._storage.head(ref)
        if info is None:
            detail = f"there is no object {ref.key!r} in bucket {ref.bucket!r}"
            raise refused(submission, "source", RefusalCode.OBJECT_NOT_FOUND, detail)
        if info.byte_count > self._max_image_bytes:
            detail = f"the object has {info.byte_count} bytes, at most {self._max_image_bytes} are accepted"
            raise refused(submission, "source", PictureFault.TOO_MANY_BYTES, detail)
        return Checked(Source(object=ref, byte_count=info.byte_count))

    def _check_mask(self, submission: Submission) -> None:
        if submission.mask is None:
            return
        try:
            self._imaging.inspect(submission.mask)
        except PictureRefusedError as error:
            raise refused(submission, "mask", error.fault, error.message) from error
