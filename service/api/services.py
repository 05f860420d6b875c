"""Everything that the routes call: the use cases and what the service tells about itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.domain.batches import Estimate, Group, Item, ItemStatus
from service.domain.deliveries import Delivery
from service.ports.batches import GroupQuery, ItemQuery
from service.ports.ledger import Accepted
from service.ports.provider import Capabilities
from service.ports.storage import FileLinks
from service.usecases.follow import FollowJob
from service.usecases.health import Finding
from service.usecases.read import JobView, ReadJobs
from service.usecases.submissions import BatchSubmission, Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageDescription:
    """Where pictures are, for ``GET /cos/config``. `endpoint` and `region` are None for the local folder.

    Attributes:
        public_url: Where links to outputs lead when the output bucket can be read without a signature.
    """

    kind: str  # cos, r2 or folder
    endpoint: str | None
    region: str | None
    input_bucket: str
    output_bucket: str
    input_prefix: str
    output_prefix: str
    presign_expires_seconds: int
    public_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchServices:
    """What there is for batches alone; each takes the tenant first.

    Attributes:
        estimate: A submission to what it would be.
        report: Job id to a fresh link to the report.
        retry: Job id and the status of items to the new job that does those again.
    """

    estimate: Callable[[BatchSubmission], Awaitable[Estimate]]
    items: Callable[[str, ItemQuery], Awaitable[Sequence[Item]]]
    groups: Callable[[str, GroupQuery], Awaitable[Sequence[Group]]]
    report: Callable[[str, str], Awaitable[str]]
    pause: Callable[[str, str], Awaitable[JobView]]
    resume: Callable[[str, str], Awaitable[JobView]]
    retry: Callable[[str, str, ItemStatus], Awaitable[JobView]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What bootstrap hands to the HTTP layer.

    Attributes:
        accept: Tenant's submission to the job that stands for it; raises `RefusedError`.
        accept_batch: The same for a batch.
        cancel: Tenant and job id to the job as it stands after that.
        redeliver: Tenant and delivery id to the message, due anew.
        test_callback: Tenant and URL to a test message.
        ready: Asks every component; the service is ready when all are well.
        providers: Name, capabilities and present state of every configured provider.
        render_metrics: The metrics in the Prometheus text format, version 0.0.4.
        files: Answers the links of the local folder; None where another store answers its own.
    """

    accept: Callable[[Submission], Awaitable[Accepted]]
    accept_batch: Callable[[BatchSubmission], Awaitable[Accepted]]
    batches: BatchServices
    read: ReadJobs
    follow: FollowJob
    cancel: Callable[[str, str], Awaitable[JobView]]
    redeliver: Callable[[str, str], Awaitable[Delivery]]
    test_callback: Callable[[str, str], Awaitable[Delivery]]
    ready: Callable[[], Awaitable[Sequence[Finding]]]
    providers: Callable[[], Awaitable[Sequence[tuple[str, Capabilities, Mapping[str, Any]]]]]
    render_metrics: Callable[[], Awaitable[bytes]]
    storage: StorageDescription
    files: FileLinks | None = None
