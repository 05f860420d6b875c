"""What a caller asks for, as the HTTP layer hands it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service.domain.batches import Staging
from service.domain.jobs import Contract
from service.ports.ledger import IdempotencyKey


@dataclass(frozen=True, slots=True)
class InlineSource:
    """A picture sent with the request."""

    data: bytes


@dataclass(frozen=True, slots=True)
class LinkedSource:
    """A picture on the web, fetched when the job runs."""

    url: str


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """A picture in a configured bucket; None means the input bucket."""

    key: str
    bucket: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One request for a job, syntactically valid.

    Attributes:
        pointers: Where each part stood in the request (``source``, ``mask``, ``callback_url``, ``parameters``,
            ``provider``), as a JSON pointer or ``header:NAME``, so that a refusal can name the field.
    """

    tenant: str
    contract: Contract
    prompt: str
    source: InlineSource | LinkedSource | ObjectSource
    operation: str = "edit"
    filename: str | None = None
    mask: bytes | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    provider: str | None = None
    callback_url: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    retry_possibly_billed: bool = False
    deadline_seconds: float | None = None
    idempotency: IdempotencyKey | None = None
    pointers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPicture:
    """One picture of many that a request names.

    Attributes:
        pointer: Where it stood in the body, as a JSON pointer.
    """

    source: LinkedSource | ObjectSource
    pointer: str
    group: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSubmission:
    """One request for a batch, syntactically valid. None means as configured, or without a limit.

    Attributes:
        contract: Says which callback it is owed.
        include: Globs of which a key must match one; empty means every key.
        exclude: Globs of which a key must match none.
        only_failed_of: An earlier batch; only what failed in it is done.
        redo_fallbacks_of: An earlier batch; only what fell back in it is done.
        manifest: Key of a CSV in the bucket that names the pictures, one a row: bucket and key in front.
        pictures: What the request names itself, in place of a bucket.
        staging: What makes a difference between main and secondary pictures.
        pointers: As in `Submission`.
    """

    tenant: str
    prompt: str
    bucket: str | None = None
    prefix: str | None = None
    output_bucket: str | None = None
    output_prefix: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_items: int | None = None
    concurrency: int | None = None
    max_cost_usd: float | None = None
    dry_run: bool = False
    skip_existing: bool = False
    only_failed_of: str | None = None
    redo_fallbacks_of: str | None = None
    manifest: str | None = None
    pictures: tuple[NamedPicture, ...] = ()
    staging: Staging | None = None
    contract: Contract = Contract.TOOL_BATCH
    parameters: Mapping[str, Any] = field(default_factory=dict)
    provider: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    retry_possibly_billed: bool = False
    callback_url: str | None = None
    idempotency: IdempotencyKey | None = None
    pointers: Mapping[str, str] = field(default_factory=dict)
