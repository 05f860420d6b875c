"""A batch's report, in the manner of the completion reports of S3 Batch Operations.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-examples-reports.html: headerless CSV parts and a
``manifest.json`` that describes them. Columns of ours follow those of S3. Keys stand as they are, not URL-encoded; a
picture from the web has no bucket, and its URL as key.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from service.domain.batches import Found, Item, ItemStatus, Stage
from service.domain.jobs import Job, Progress
from service.domain.keys import is_name, name_of_url
from service.domain.objects import ObjectRef

COLUMNS = (
    "Bucket",
    "Key",
    "VersionId",
    "TaskStatus",
    "ErrorCode",
    "HTTPStatusCode",
    "ResultMessage",
    "OutputKey",
    "Source",
    "Provider",
    "Model",
    "SHA256",
    "Attempts",
    "EstimatedCost",
    "Group",
    "Name",
    "Stage",
)
_OURS = COLUMNS.index("Group")  # from here on it is said what the picture is to its caller
PART_ROWS = 10_000
FORMAT = "AfterimageReport_CSV_V1"
_OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFile:
    """One CSV of a report, as stored."""

    status: ItemStatus
    bucket: str
    key: str
    rows: int
    byte_count: int
    sha256: str


def report_prefix(job: Job) -> str:
    """Where a batch's report is."""
    return f"{job.target.key}/report"


def manifest_key(job: Job) -> str:
    """Where the description of a batch's report is."""
    return f"{report_prefix(job)}/manifest.json"


def part_key(job: Job, status: ItemStatus, number: int) -> str:
    """Where one CSV of a batch's report is; parts of one status are numbered from 1."""
    return f"{report_prefix(job)}/{status.value}-{number:05d}.csv"


def row(item: Item) -> tuple[str, ...]:
    """One line of the report, in the order of `COLUMNS`."""
    output, error = item.output, item.error
    last = item.attempts[-1] if item.attempts else None
    http_status = _OK if output is not None and output.fallback is None else last.http_status if last else None
    fallback = output.fallback if output else None
    reason = fallback.reason if fallback else item.skip_reason.value if item.skip_reason else ""
    return (
        item.source.bucket if item.source else "",
        item.source.key if item.source else item.url or "",
        "",
        item.status.value,
        error.code if error else reason,
        str(http_status or ""),
        error.message if error else "; ".join(item.warnings),
        output.object.key if output else "",
        output.source.value if output else "",
        (output.provider if output else last.provider if last else "") or "",
        (output.model if output else last.model if last else "") or "",
        output.sha256 if output else "",
        str(len(item.attempts)),
        "" if item.cost_usd is None else f"{item.cost_usd:.6f}",
        item.group or "",
        item.name or "",
        item.stage or "",
    )


def picture_in(row: Sequence[str]) -> Found:
    """The picture that a row of a report names, or of any CSV with bucket and key in front.

    Of further columns only those are read in which a report says group, name and stage.
    """
    bucket, key = (*row, "", "")[:2]
    group, name, stage = (*row[_OURS:], "", "", "")[:3]
    found = Found(
        source=ObjectRef(bucket, key),
        group=group if is_name(group) else None,
        name=name if is_name(name) else None,
        stage=Stage(stage) if stage in set(Stage) else None,
    )
    if bucket or not key.startswith(("https://", "http://")):
        return found
    return replace(found, source=None, url=key, name=found.name or name_of_url(key))


def as_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """Rows as CSV (RFC 4180) in UTF-8, without a header."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def manifest(job: Job, progress: Progress, parts: Sequence[PartFile], created_at: datetime) -> Mapping[str, Any]:
    """What ``manifest.json`` says."""
    return {
        "Format": FORMAT,
        "ReportCreationDate": created_at.isoformat().replace("+00:00", "Z"),
        "JobId": job.id,
        "Counts": {
            "total": progress.total,
            "succeeded": progress.succeeded,
            "fallback": progress.fallback,
            "failed": progress.failed,
            "skipped": progress.skipped,
        },
        "ReportSchema": ", ".join(COLUMNS),
        "Results": [
            {
                "TaskExecutionStatus": part.status.value,
                "Bucket": part.bucket,
                "Key": part.key,
                "Rows": part.rows,
                "Bytes": part.byte_count,
                "SHA256": part.sha256,
            }
            for part in parts
        ],
    }


def error_line(item: Item) -> str:
    """What the callback says of an item that was not done by the model."""
    if item.error is not None:
        return f"{item.title}: {item.error.message}"
    fallback = item.output.fallback if item.output else None
    return f"{item.title}: edited locally ({fallback.reason if fallback else 'fallback'})"
