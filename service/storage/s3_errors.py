"""What boto3 raises, as the storage's own errors. No text of the store or the SDK is passed on: it may hold secrets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    HTTPClientError,
    ReadTimeoutError,
)
from botocore.exceptions import ConnectionError as NoConnectionError

from service.ports.storage import StorageError

_NOT_IMPLEMENTED = 501
_SERVER_ERRORS = 500
_PASSING_STATUSES = frozenset({408, 429})
_PASSING_CODES = frozenset({"SlowDown", "RequestTimeout", "OperationAborted", "ConditionalRequestConflict"})
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; an answer to HEAD has a status and no body.
_BODILESS = {"400": "BadRequest", "403": "AccessDenied", "404": "NotFound"}


def status_of(error: ClientError) -> int:
    """The HTTP status that the store answered with."""
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def code_of(error: ClientError) -> str:
    """The store's own code, such as ``NoSuchKey``."""
    code = str(error.response["Error"]["Code"])
    return _BODILESS.get(code, code)


@contextmanager
def translated() -> Iterator[None]:
    """Turn everything that boto3 may raise inside into a `StorageError`.

    Its code is the store's own (``AccessDenied``), or ``timeout``, ``unreachable``, ``untrusted_certificate``,
    ``misconfigured`` where it is none of the store's answers that failed.
    """
    try:
        yield
    except ClientError as error:
        raise _answered(error) from None
    except (ConnectTimeoutError, ReadTimeoutError):
        raise StorageError("the store did not answer in time", code="timeout", transient=True) from None
    except (NoConnectionError, HTTPClientError) as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):  # other TLS failures are connections that broke
            raise StorageError(
                "the store's certificate is not trusted", code="untrusted_certificate", transient=False
            ) from None
        raise StorageError(
            f"the store cannot be reached ({type(error).__name__})", code="unreachable", transient=True
        ) from None
    except (BotoCoreError, ValueError, LookupError) as error:  # also an answer that no store gives
        raise StorageError(
            f"the store cannot be used as configured ({type(error).__name__})", code="misconfigured", transient=False
        ) from None


def _answered(error: ClientError) -> StorageError:
    status, code = status_of(error), code_of(error)
    transient = (
        (status >= _SERVER_ERRORS and status != _NOT_IMPLEMENTED)
        or status in _PASSING_STATUSES
        or code in _PASSING_CODES
    )
    return StorageError(f"the store answered {status} {code} to {error.operation_name}", code=code, transient=transient)
