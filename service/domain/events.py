"""Events: what happened to a job, numbered from 1 without a gap within the job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.domain.jobs import JobStatus

_FINAL = frozenset(f"job.{status.value}" for status in JobStatus if status.finished)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to a job."""

    job_id: str
    sequence: int
    type: str  # job.queued, job.running, job.progress, job.succeeded, job.failed, job.canceled, …
    at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def final(self) -> bool:
        """Whether the job ended with this event, which is its last then."""
        return self.type in _FINAL
