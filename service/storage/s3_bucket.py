"""One bucket of an S3-compatible store."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote

from botocore.exceptions import ClientError

from service.domain.objects import ObjectInfo, ObjectRef
from service.ports.storage import ListingPage, ObjectMissingError, ObjectTooLargeError, StoredObject
from service.storage.keys import is_key
from service.storage.media import UNKNOWN, download_as, media_type
from service.storage.s3_client import S3Connection
from service.storage.s3_errors import code_of, status_of

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        GetObjectOutputTypeDef,
        HeadObjectOutputTypeDef,
        ListObjectsV2RequestTypeDef,
        PutObjectRequestTypeDef,
    )

_LONGEST_LINK_SECONDS = 604_800  # the most that AWS Signature Version 4 allows
_MISSING, _CONFLICT, _TAKEN = 404, 409, 412
_KNOWS_NO_CONDITION = frozenset({"NotImplemented", "InvalidArgument"})


class S3Bucket:
    """The calls themselves; they raise what boto3 raises.

    A key is written once by ``If-None-Match: *``. A store that does not know it is asked whether the key is taken
    before each write instead, so that of two writers at the very same moment both may win there.

    Args:
        public_url: Where the bucket can be read without a signature; links lead there when it is set.
    """

    def __init__(self, connection: S3Connection, name: str, *, public_url: str | None) -> None:
        self._connection = connection
        self._name = name
        self._public_url = public_url
        self._conditional = True  # whether the store is thought to know If-None-Match

    def takes(self, key: str) -> bool:
        """Any key that S3 allows."""
        return is_key(key)

    def put(self, ref: ObjectRef, data: bytes, mime_type: str, metadata: Mapping[str, str]) -> bool:
        """Store an object under a free key.

        Where the store's answer was lost, boto3's own second try finds the key taken: then the result is False although
        the bytes are these.
        """
        request: PutObjectRequestTypeDef = {
            "Bucket": ref.bucket,
            "Key": ref.key,
            "Body": data,
            "ContentType": mime_type,
            "ContentDisposition": "attachment",  # nothing is ever shown on the domain of a public bucket
            "Metadata": metadata,
        }
        if self._conditional:
            try:
                return self._put(ref, request | {"IfNoneMatch": "*"})
            except ClientError as error:
                if code_of(error) not in _KNOWS_NO_CONDITION:
                    raise
        if self.head(ref) is not None:
            return False
        stored = self._put(ref, request)
        self._conditional = False  # it was the condition that the store had minded
        return stored

    def get(self, ref: ObjectRef, max_bytes: int) -> StoredObject:
        """Read an object; one that is too large is left after its headers."""
        try:
            answer = self._connection.client.get_object(Bucket=ref.bucket, Key=ref.key)
        except ClientError as error:
            if code_of(error) == "NoSuchKey":
                raise ObjectMissingError(ref) from None
            raise
        with closing(answer["Body"]) as body:
            if answer["ContentLength"] > max_bytes:
                raise ObjectTooLargeError(ref, max_bytes)
            return StoredObject(_info(ref, answer), body.read())

    def head(self, ref: ObjectRef) -> ObjectInfo | None:
        """What the store says of an object."""
        try:
            return _info(ref, self._connection.client.head_object(Bucket=ref.bucket, Key=ref.key))
        except ClientError as error:
            if status_of(error) == _MISSING:
                return None
            raise

    def delete(self, ref: ObjectRef) -> None:
        """Remove an object; S3 says nothing of one that is not there."""
        self._connection.client.delete_object(Bucket=ref.bucket, Key=ref.key)

    def link(self, ref: ObjectRef, expires_in_seconds: int, filename: str) -> str:
        """A presigned GET; where the bucket has a public address, that of the object, which never expires.

        Args:
            expires_in_seconds: At most seven days are given.
        """
        if self._public_url is not None:
            return f"{self._public_url.rstrip('/')}/{quote(ref.key)}"
        return self._connection.client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": ref.bucket,
                "Key": ref.key,
                "ResponseContentDisposition": download_as(filename),
                "ResponseContentType": media_type(filename),
            },
            ExpiresIn=min(expires_in_seconds, _LONGEST_LINK_SECONDS),
        )

    def list(self, prefix: str, cursor: str | None) -> ListingPage:
        """One page; the cursor is the store's own continuation token."""
        request: ListObjectsV2RequestTypeDef = {"Bucket": self._name, "Prefix": prefix, "MaxKeys": 1000}
        if cursor is not None:
            request["ContinuationToken"] = cursor
        page = self._connection.client.list_objects_v2(**request)
        found = tuple(
            ObjectInfo(
                ref=ObjectRef(self._name, entry["Key"]),
                byte_count=entry["Size"],
                mime_type=UNKNOWN,
                etag=_bare(entry.get("ETag")),
            )
            for entry in page.get("Contents", ())
        )
        return ListingPage(found, page.get("NextContinuationToken"))

    def ping(self) -> None:
        """Ask whether the bucket is there and the key is good for it."""
        self._connection.client.head_bucket(Bucket=self._name)

    def _put(self, ref: ObjectRef, request: PutObjectRequestTypeDef) -> bool:
        try:
            self._connection.client.put_object(**request)
        except ClientError as error:
            # A conflict is two writers at once: whoever it is not has lost only if the other one is through.
            if status_of(error) == _TAKEN or (status_of(error) == _CONFLICT and self.head(ref) is not None):
                return False
            raise
        return True


def _info(ref: ObjectRef, answer: HeadObjectOutputTypeDef | GetObjectOutputTypeDef) -> ObjectInfo:
    return ObjectInfo(
        ref=ref,
        byte_count=answer["ContentLength"],
        mime_type=answer.get("ContentType", UNKNOWN),
        etag=_bare(answer.get("ETag")),
        metadata=answer["Metadata"],
    )


def _bare(etag: str | None) -> str | None:
    return etag and etag.strip('"')
