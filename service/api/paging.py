"""Which job, and which page of jobs: paths, filters and opaque cursors."""

from __future__ import annotations

import base64
import re
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from service.api.failures import invalid_request
from service.domain.jobs import JobStatus
from service.domain.refusals import FieldError, RefusalCode, RefusedError
from service.ports.ledger import JobQuery

_JOB_ID = re.compile(r"job_[0-9a-f]{32}")
_DELIVERY_ID = re.compile(r"msg_[0-9a-f]{32}")


async def _job_path(job_id: str) -> str:
    return _plausible(job_id, _JOB_ID, "job")


async def _delivery_path(delivery_id: str) -> str:
    return _plausible(delivery_id, _DELIVERY_ID, "delivery")


def _plausible(value: str, pattern: re.Pattern[str], kind: str) -> str:
    """Keeps what can be no id, such as a NUL character, away from the database."""
    if not pattern.fullmatch(value):
        raise RefusedError(RefusalCode.NOT_FOUND, f"there is no {kind} with this id")
    return value


JobPath = Annotated[str, Depends(_job_path)]
DeliveryPath = Annotated[str, Depends(_delivery_path)]


class JobFilters(BaseModel):
    """The query of ``GET /api/v1/jobs``."""

    model_config = ConfigDict(extra="forbid")

    status: Annotated[JobStatus | None, Field(description="Only jobs in this state.")] = None
    operation: Annotated[
        str | None, Field(max_length=64, pattern=r"^[a-z_]+$", description="Only jobs of this operation.")
    ] = None
    created_after: Annotated[AwareDatetime | None, Field(description="With a time zone (RFC 3339).")] = None
    created_before: Annotated[AwareDatetime | None, Field(description="With a time zone (RFC 3339).")] = None
    cursor: Annotated[str | None, Field(description="next_cursor of the page before.")] = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50

    def query(self, tenant: str) -> JobQuery:
        """The question to the ledger: one job more than the page holds, to know whether there is a next one.

        Raises:
            RefusedError: the cursor is none of ours.
        """
        return JobQuery(
            tenant=tenant,
            status=self.status,
            operation=self.operation,
            created_after=self.created_after,
            created_before=self.created_before,
            cursor=None if self.cursor is None else decoded_cursor(self.cursor),
            limit=self.limit + 1,
        )


Filters = Annotated[JobFilters, Query()]


def encoded_cursor(job_id: str) -> str:
    """The cursor of the page after a job; opaque, so that it can become something else."""
    return base64.urlsafe_b64encode(job_id.encode()).decode().rstrip("=")


def decoded_cursor(cursor: str) -> str:
    """The job that a cursor stands for.

    Raises:
        RefusedError: it is none of ours.
    """
    try:
        job_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        job_id = ""
    if not _JOB_ID.fullmatch(job_id):
        detail = "not a cursor of this list"
        raise invalid_request((FieldError("query:cursor", detail, "invalid_cursor"),))
    return job_id
