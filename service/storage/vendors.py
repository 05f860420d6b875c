"""The vendors' stores: what is peculiar to each, and nothing else."""

from __future__ import annotations

from pydantic import SecretStr

from service.storage.target import S3Target


def cos(
    *,
    endpoint: str,
    region: str,
    access_key_id: SecretStr,
    secret_access_key: SecretStr,
    input_bucket: str,
    output_bucket: str,
) -> S3Target:
    """IBM Cloud Object Storage, or any S3-compatible store under its own endpoint.

    Args:
        endpoint: With or without a scheme: IBM's own lists of endpoints have none, and mean https.
        access_key_id: Of HMAC credentials; IBM's API keys cannot presign.
    """
    return S3Target(
        endpoint=endpoint if "://" in endpoint else f"https://{endpoint}",
        region=region,
        addressing="path",  # works with every certificate and every bucket name, also one with dots
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        input_bucket=input_bucket,
        output_bucket=output_bucket,
    )


def r2(
    *,
    endpoint: str,
    access_key_id: SecretStr,
    secret_access_key: SecretStr,
    bucket: str,
    public_url: str | None = None,
) -> S3Target:
    """Cloudflare R2.

    https://developers.cloudflare.com/r2/api/s3/api/: the only region is ``auto``, the bucket stands in the path.

    Args:
        endpoint: ``https://ACCOUNT.r2.cloudflarestorage.com``, or that of a jurisdiction.
        public_url: The public address of the bucket (r2.dev or a domain of its own).
    """
    return S3Target(
        endpoint=endpoint,
        region="auto",
        addressing="path",
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        input_bucket=bucket,
        output_bucket=bucket,
        public_url=public_url,
    )
