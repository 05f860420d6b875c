"""Work: something that an engine must do, at the latest after the next start."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class WorkKind(StrEnum):
    """The lanes of an engine; each has its own concurrency so that none starves another."""

    JOB = "job"
    SHARD = "shard"
    DELIVERY = "delivery"
    HOUSEKEEPING = "housekeeping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One piece of work. Two pieces with the same kind and ref never run at the same time.

    Attributes:
        ref: What the work is about, for example a job id.
        due_at: Not to be started before this moment (UTC).
        priority: Higher first among what is due.
        entry: What a queue that many processes share calls it while it runs; whoever takes it over has another.
    """

    kind: WorkKind
    ref: str
    due_at: datetime
    priority: int = 0
    entry: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Again:
    """A handler's answer: not done, call me again at this moment (UTC)."""

    due_at: datetime
