"""Groups: how far each product of a set is."""

from __future__ import annotations

import base64
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from service.api.authentication import Tenant
from service.api.dependencies import TheServices
from service.api.failures import invalid_request
from service.api.paging import JobPath
from service.api.problems import documented
from service.domain.batches import Group, ItemStatus
from service.domain.keys import is_name
from service.domain.refusals import FieldError
from service.ports.batches import GroupQuery

router = APIRouter(prefix="/api/v1", tags=["batches"])


class GroupDocument(BaseModel):
    """The pictures of one product."""

    group: str
    finished: bool
    main: Annotated[ItemStatus | None, Field(description="State of the main picture; null where it is not in the job.")]
    total: int
    pending: int
    succeeded: int
    fallback: int
    failed: int
    skipped: int
    canceled: int


class GroupPage(BaseModel):
    """A page of groups, in the order of their names."""

    data: list[GroupDocument]
    next_cursor: Annotated[str | None, Field(description="The cursor of the next page; null on the last.")]


class GroupFilters(BaseModel):
    """The query of ``GET /api/v1/jobs/{id}/groups``."""

    model_config = ConfigDict(extra="forbid")

    cursor: Annotated[str | None, Field(description="next_cursor of the page before.")] = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


@router.get("/jobs/{job_id}/groups", operation_id="list_groups", responses=documented(401, 404, 422, 503))
async def list_groups(
    job_id: JobPath, filters: Annotated[GroupFilters, Query()], services: TheServices, tenant: Tenant
) -> GroupPage:
    """A page of the groups of a product set, as far as they are listed."""
    after = None if filters.cursor is None else _decoded(filters.cursor)
    groups = await services.batches.groups(tenant, GroupQuery(job_id=job_id, after=after, limit=filters.limit + 1))
    page = groups[: filters.limit]
    return GroupPage(
        data=[_document(group) for group in page],
        next_cursor=_encoded(page[-1].name) if len(groups) > filters.limit else None,
    )


def _document(group: Group) -> GroupDocument:
    counts = {status.value: group.counts.get(status, 0) for status in ItemStatus}
    return GroupDocument(
        group=group.name, finished=group.finished, main=group.main, total=sum(counts.values()), **counts
    )


def _encoded(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> str:
    try:
        name = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        name = ""
    if not is_name(name):
        detail = "not a cursor of this list"
        raise invalid_request((FieldError("query:cursor", detail, "invalid_cursor"),))
    return name
