"""Where pictures are kept; the SDK of a store is loaded where one is configured."""

from __future__ import annotations

from service.api.services import StorageDescription
from service.bootstrap.secrets import link_key
from service.config.settings import Settings
from service.config.storage import CosSettings, R2Settings
from service.ports.clock import Clock
from service.ports.storage import FileLinks, Storage
from service.storage.folder import FolderStorage
from service.storage.target import S3Target
from service.storage.vendors import cos, r2

_FOLDER_BUCKET = "pictures"


def build_storage(settings: Settings, clock: Clock) -> tuple[Storage, FileLinks | None, StorageDescription]:
    """The store, its files where this service serves them, and what may be told of it.

    Raises:
        StorageError: the local folder cannot be used.
    """
    store, objects = settings.store, settings.objects
    files: FileLinks | None = None
    storage: Storage
    target: S3Target | None = None
    match store:
        case CosSettings():
            target = cos(
                endpoint=store.endpoint,
                region=store.region,
                access_key_id=store.access_key_id,
                secret_access_key=store.secret_access_key,
                input_bucket=store.input_bucket,
                output_bucket=store.output_bucket,
            )
            kind, storage = "cos", _s3(target)
        case R2Settings():
            target = r2(
                endpoint=store.endpoint,
                access_key_id=store.access_key_id,
                secret_access_key=store.secret_access_key,
                bucket=store.bucket_name,
                public_url=store.public_url,
            )
            kind, storage = "r2", _s3(target)
        case None:
            folder = FolderStorage(
                root=settings.database.data_dir / "storage",
                input_bucket=_FOLDER_BUCKET,
                output_bucket=_FOLDER_BUCKET,
                link_base_url=settings.server.public_url,
                link_key=link_key(settings),
                clock=clock,
            )
            kind, storage, files = "folder", folder, folder
    description = StorageDescription(
        kind=kind,
        endpoint=target.endpoint if target else None,
        region=target.region if target else None,
        input_bucket=storage.input_bucket,
        output_bucket=storage.output_bucket,
        input_prefix=objects.input_prefix,
        output_prefix=objects.output_prefix,
        presign_expires_seconds=objects.presign_expires,
        public_url=target.public_url if target else None,
    )
    return storage, files, description


def _s3(target: S3Target) -> Storage:
    from service.storage.s3 import S3Storage

    return S3Storage(target)
