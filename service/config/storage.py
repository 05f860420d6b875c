"""Where pictures are kept: IBM Cloud Object Storage, Cloudflare R2, any other S3 store, or the data folder."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from service.config.formats import HttpURL, Secret
from service.config.group import DefaultWords, Expects, Group

_IBM_REGION = re.compile(r"//s3\.(?:private\.|direct\.)?([a-z0-9-]+)\.cloud-object-storage\.appdomain\.cloud")
Bucket = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"), Expects("the name of a bucket")]
Prefix = Annotated[str, Field(pattern=r"^[^/]"), Expects("the start of keys, without a slash in front")]


def _with_scheme(endpoint: str) -> str:
    return endpoint if "://" in endpoint else f"https://{endpoint}"  # IBM's lists of endpoints name no scheme


class ObjectSettings(Group):
    """What holds for every storage."""

    model_config = SettingsConfigDict(env_prefix="COS_")
    title: ClassVar[str] = "Pictures in any storage"

    input_prefix: Annotated[
        Prefix,
        Field(description="Keys of the pictures that a batch reads when it names no prefix.", examples=["incoming/"]),
    ] = ""
    output_prefix: Annotated[
        Prefix,
        Field(description="Keys under which the outputs of a batch are stored.", examples=["edited/"]),
    ] = ""
    presign_expires: Annotated[
        int,
        Field(
            ge=60,
            le=604_800,  # the most that AWS Signature Version 4 allows
            description="Seconds for which a link to a picture works. The default outlives every callback retry.",
            examples=["86400"],
        ),
    ] = 604_800


class CosSettings(Group):
    """An S3-compatible store under its own endpoint."""

    model_config = SettingsConfigDict(env_prefix="COS_")
    title: ClassVar[str] = "IBM Cloud Object Storage, or any S3-compatible store"

    endpoint: Annotated[
        HttpURL,
        Field(
            description="The store's endpoint. Setting any variable of this table selects this storage, also when "
            "R2 is set as well.",
            examples=["s3.us-south.cloud-object-storage.appdomain.cloud"],
        ),
        BeforeValidator(_with_scheme),
        Expects("an http:// or https:// URL; without a scheme https is meant"),
    ]
    region: Annotated[
        str,
        Field(
            min_length=1,
            validate_default=True,
            description="The region that requests are signed for.",
            examples=["us-south"],
        ),
        Expects("the name of a region"),
        DefaultWords("the one in an IBM endpoint's name, else `us-east-1`"),
    ] = ""
    access_key_id: Annotated[Secret, Field(description="The HMAC key's id.", examples=["6b1e0c…"])]
    secret_access_key: Annotated[Secret, Field(description="The HMAC key's secret.", examples=["9f2a77…"])]
    bucket: Annotated[
        Bucket | None,
        Field(description="The bucket of sources and outputs, where one serves both.", examples=["pictures"]),
    ] = None
    input_bucket: Annotated[
        Bucket,
        Field(validate_default=True, description="The bucket that sources are read from.", examples=["pictures-in"]),
        DefaultWords("`COS_BUCKET`"),
    ] = ""
    output_bucket: Annotated[
        Bucket,
        Field(validate_default=True, description="The bucket that outputs are stored in.", examples=["pictures-out"]),
        DefaultWords("`COS_BUCKET`"),
    ] = ""

    @field_validator("region", mode="before")
    @classmethod
    def _of_the_endpoint(cls, region: str, info: ValidationInfo) -> str:
        found = _IBM_REGION.search(info.data.get("endpoint", ""))
        return region or (found[1] if found else "us-east-1")

    @field_validator("input_bucket", "output_bucket", mode="before")
    @classmethod
    def _or_the_one_bucket(cls, name: str, info: ValidationInfo) -> str:
        if name:
            return name
        if "bucket" in info.data and info.data["bucket"] is None:
            raise ValueError("is missing, and so is COS_BUCKET")
        return str(info.data.get("bucket", "unknown"))


class R2Settings(Group):
    """Cloudflare R2."""

    model_config = SettingsConfigDict(env_prefix="R2_")
    title: ClassVar[str] = "Cloudflare R2"

    account_id: Annotated[
        str | None,
        Field(
            pattern=r"^[0-9A-Za-z]+$",
            description="The Cloudflare account, part of the endpoint. Setting any variable of this table selects R2, "
            "unless a `COS_` endpoint, key or bucket is set.",
            examples=["0123456789abcdef0123456789abcdef"],
        ),
        Expects("the id of an account"),
    ] = None
    endpoint: Annotated[
        HttpURL,
        Field(
            validate_default=True,
            description="The endpoint, where it is another one.",
            examples=["https://0123456789abcdef.eu.r2.cloudflarestorage.com"],
        ),
        DefaultWords("`https://R2_ACCOUNT_ID.r2.cloudflarestorage.com`"),
    ] = ""
    access_key_id: Annotated[Secret, Field(description="The API token's access key id.", examples=["6b1e0c…"])]
    secret_access_key: Annotated[Secret, Field(description="The API token's secret.", examples=["9f2a77…"])]
    bucket_name: Annotated[Bucket, Field(description="The bucket of sources and outputs.", examples=["pictures"])]
    public_url: Annotated[
        HttpURL | None,
        Field(
            description="The bucket's public address. Links then lead there, and neither expire nor are signed.",
            examples=["https://pictures.example.com"],
        ),
    ] = None

    @field_validator("endpoint", mode="before")
    @classmethod
    def _of_the_account(cls, url: str, info: ValidationInfo) -> str:
        if url:
            return url
        if "account_id" in info.data and info.data["account_id"] is None:
            raise ValueError("is missing, and so is R2_ACCOUNT_ID")
        return f"https://{info.data.get('account_id', 'unknown')}.r2.cloudflarestorage.com"
