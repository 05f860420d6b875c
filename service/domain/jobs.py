"""A job: one accepted request, from 202 to its final state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from service.domain.faults import Moderation
from service.domain.objects import ObjectRef
from service.domain.work import Work


class JobStatus(StrEnum):
    """The states of a job; fallback is a property of an output, not a state."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def finished(self) -> bool:
        """Whether the state is final."""
        return self not in {JobStatus.QUEUED, JobStatus.RUNNING}


class Contract(StrEnum):
    """Which request shape created the job, and so which callback it is owed."""

    TOOL_BASE64 = "tool_base64"
    TOOL_OBJECT = "tool_object"
    TOOL_BATCH = "tool_batch"
    JOBS = "jobs"
    JOBS_BATCH = "jobs_batch"

    @property
    def is_batch(self) -> bool:
        """Whether the job is about many pictures."""
        return self in {Contract.TOOL_BATCH, Contract.JOBS_BATCH}


class OutputSource(StrEnum):
    """Who made an output: the provider that was asked, or the local fallback."""

    PROVIDER = "provider"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The picture that goes in; exactly one of `object` and `url` says where it comes from.

    Attributes:
        owned: True when the service stored the object itself and removes it when the job expires.
    """

    object: ObjectRef | None = None
    url: str | None = None
    owned: bool = False
    mime_type: str | None = None
    byte_count: int | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """Why an output was made locally although a provider was asked."""

    reason: str  # a value of Fault
    provider: str
    provider_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The picture that came out, as stored."""

    object: ObjectRef
    mime_type: str
    byte_count: int
    width: int
    height: int
    sha256: str
    source: OutputSource
    provider: str
    model: str | None = None
    fallback: Fallback | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why a job failed: a stable code and a readable text."""

    code: str
    message: str
    retryable: bool = False
    provider: str | None = None
    provider_code: str | None = None
    provider_request_id: str | None = None
    moderation: Moderation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job is, in pictures; a single job counts to one."""

    total: int = 1
    succeeded: int = 0
    fallback: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of one provider. `ended_at` is None while it runs, and stays so when the process died meanwhile.

    Attributes:
        ticket: What the provider gave in place of a result, to be collected later.
    """

    number: int
    provider: str
    model: str | None
    started_at: datetime
    ended_at: datetime | None = None
    outcome: str | None = None  # "succeeded" or a value of Fault
    code: str | None = None
    message: str | None = None
    http_status: int | None = None
    provider_request_id: str | None = None
    possibly_billed: bool = False
    ticket: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One accepted request.

    Attributes:
        parameters: The operation's parameters as the caller gave them, validated.
        target: Where the output goes, settled at acceptance: a restart looks there first, whatever was reconfigured.
            For a batch the prefix of all its outputs.
        item: The number of the item of a batch that this is narrowed to: then source, target, run, start and attempts
            are those of the item. None for a job as a whole.
        provider: The provider that the caller asked for; None leaves the choice to the service.
        mask: The mask picture, where one was given.
        retry_possibly_billed: The caller would rather pay twice than get a fallback when an answer is lost.
        deadline_at: Given by the caller: a job not begun by then expires, and a provider is not asked again after it.
        run: How often a worker took the job; every write of a worker carries the number it was given, so that one
            that lost its job to another can no longer write.
        work: What a worker of now was given with the job, by which its queue tells whether it still has it.
        expires_at: When the pictures of the job are due to be removed; `removed_at` is set once they are.
        usage: The provider's own usage numbers, as it returned them.
        cost_usd: Estimated from `usage` and the configured prices; None where no price is known.
    """

    id: str
    tenant: str
    contract: Contract
    operation: str
    prompt: str
    source: Source | None
    target: ObjectRef
    created_at: datetime
    status: JobStatus = JobStatus.QUEUED
    filename: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    provider: str | None = None
    mask: ObjectRef | None = None
    retry_possibly_billed: bool = False
    callback_url: str | None = None
    deadline_at: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    priority: int = 0
    run: int = 0
    progress: Progress = Progress()
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    removed_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    output: Output | None = None
    error: JobError | None = None
    warnings: tuple[str, ...] = ()
    usage: Mapping[str, Any] | None = None
    cost_usd: float | None = None
    attempts: tuple[Attempt, ...] = ()
    item: int | None = None
    work: Work | None = field(default=None, compare=False)

    @property
    def finished(self) -> bool:
        """Whether the job is in a final state."""
        return self.status.finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Everything that becomes true at the moment a job ends.

    Attributes:
        attempt: The attempt whose result ends the job, with its end.
    """

    status: JobStatus
    finished_at: datetime
    expires_at: datetime
    output: Output | None = None
    error: JobError | None = None
    warnings: tuple[str, ...] = ()
    usage: Mapping[str, Any] | None = None
    cost_usd: float | None = None
    progress: Progress = Progress()
    attempt: Attempt | None = None
