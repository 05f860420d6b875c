"""What must hold once a batch has gone through a mixed bucket, however often its service was killed meanwhile."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from PIL import Image

from tests.pictures.bucket import Entry, Kind

_STATUS = {Kind.PICTURE: "succeeded", Kind.DAMAGED: "failed", Kind.OTHER: "skipped"}
_MOST_ERRORS = 20


class Row(NamedTuple):
    """What a line of the report says, as far as it is judged."""

    key: str
    status: str
    code: str = ""
    message: str = ""
    output_key: str = ""
    digest: str = ""


_COLUMNS = Row("Key", "TaskStatus", "ErrorCode", "ResultMessage", "OutputKey", "SHA256")


class Result(NamedTuple):
    """What became of one object, told without the id of the batch: the same in every run."""

    status: str
    output: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class BucketEvidence:
    """All that was seen of a run.

    Attributes:
        callbacks: The bodies of the batch's callbacks by their ``webhook-id``.
        stored: Everything in the output bucket.
        calls: How often the provider was asked.
        out_at_kills: At each kill, the calls whose result was not stored yet.
        concurrency: The most that may be in work at a time.
    """

    entries: Sequence[Entry]
    job_id: str
    callbacks: Mapping[str, Mapping[str, Any]]
    stored: Mapping[str, bytes]
    calls: int
    out_at_kills: Sequence[int]
    concurrency: int

    @property
    def results(self) -> Mapping[str, Result]:
        """What the report says of each object."""
        start = f"{self.job_id}/"
        return {row.key: Result(row.status, row.output_key.removeprefix(start), row.digest) for row in self.rows}

    @cached_property
    def rows(self) -> Sequence[Row]:
        """The report, all parts in one."""
        return [row for part in self.manifest["Results"] for row in self._part(part)]

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """The report's description of itself."""
        said: Mapping[str, Any] = json.loads(self.stored[f"{self.job_id}/report/manifest.json"])
        return said

    @property
    def outputs(self) -> Mapping[str, bytes]:
        """What was made of the pictures."""
        return {key: data for key, data in self.stored.items() if not key.startswith(f"{self.job_id}/report/")}

    def count(self, kind: Kind) -> int:
        """The objects of a kind."""
        return sum(entry.kind is kind for entry in self.entries)

    def violations(self) -> list[str]:
        """Every broken promise in a sentence; empty when all were kept."""
        return [*self._of_counts(), *self._of_errors(), *self._of_report(), *self._of_outputs(), *self._of_calls()]

    def _of_counts(self) -> Iterator[str]:
        if len(self.callbacks) != 1:
            yield f"{len(self.callbacks)} callbacks"
        made, damaged, others = map(self.count, (Kind.PICTURE, Kind.DAMAGED, Kind.OTHER))
        right = {
            "status": "completed_with_errors",
            "total_files": made + damaged,
            "total_files_processed": made,
            "processed": made,
            "failed": damaged,
            "fallback_local": 0,
            "skipped": others,
        }
        for said in self.callbacks.values():
            yield from (
                f"the callback says {name} {said[name]!r}, not {value!r}"
                for name, value in right.items()
                if said[name] != value
            )

    def _of_errors(self) -> Iterator[str]:
        damaged = {entry.key for entry in self.entries if entry.kind is Kind.DAMAGED}
        for said in self.callbacks.values():
            if len(said["errors"]) != min(len(damaged), _MOST_ERRORS):
                yield f"{len(said['errors'])} errors in the callback"
            strange = [line for line in said["errors"] if line.partition(": ")[0] not in damaged]
            yield from (f"an error about no damaged picture: {line}" for line in strange)
        for row in self.rows:
            if row.status == "failed" and not (row.code and row.message):
                yield f"{row.key}: failed for no reason"

    def _of_report(self) -> Iterator[str]:
        for part in self.manifest["Results"]:
            data = self.stored[part["Key"]]
            if (len(data), hashlib.sha256(data).hexdigest()) != (part["Bytes"], part["SHA256"]):
                yield f"{part['Key']}: not the part that the manifest describes"
            rows = self._part(part)
            if len(rows) != part["Rows"] or any(row.status != part["TaskExecutionStatus"] for row in rows):
                yield f"{part['Key']}: {len(rows)} rows, or of another status"
        for key, count in Counter(row.key for row in self.rows).items():
            if count > 1:
                yield f"{key}: {count} times in the report"
        results = self.results
        for entry in self.entries:
            status = results[entry.key].status if entry.key in results else "not there"
            if status != _STATUS[entry.kind]:
                yield f"{entry.key}: {status} in the report"
        for key in results.keys() - {entry.key for entry in self.entries}:
            yield f"{key}: in the report and not in the bucket"

    def _of_outputs(self) -> Iterator[str]:
        claimed = Counter(row.output_key for row in self.rows if row.output_key)
        yield from (f"{key}: the output of {count} pictures" for key, count in claimed.items() if count > 1)
        yield from (f"{key}: stored and not in the report" for key in self.outputs.keys() - claimed.keys())
        sizes = {entry.key: entry.size for entry in self.entries}
        for row in self.rows:
            if not row.output_key:
                continue
            data = self.outputs.get(row.output_key)
            if data is None:
                yield f"{row.key}: its output is not stored"
                continue
            if hashlib.sha256(data).hexdigest() != row.digest:
                yield f"{row.key}: another output is stored than the report says"
            with Image.open(io.BytesIO(data)) as picture:
                if sizes.get(row.key) not in {None, picture.size}:
                    yield f"{row.key}: its output is {picture.size} in size, as if made of another picture"

    def _of_calls(self) -> Iterator[str]:
        most = self.count(Kind.PICTURE) + sum(self.out_at_kills)
        if self.calls > most:
            yield f"{self.calls} calls, {most} at most for what there is and what was out at the kills"
        if max(self.out_at_kills, default=0) > self.concurrency:
            yield f"{max(self.out_at_kills)} calls were out at a time, {self.concurrency} at most were asked for"

    def _part(self, part: Mapping[str, Any]) -> Sequence[Row]:
        names = self.manifest["ReportSchema"].split(", ")
        lines = csv.DictReader(io.StringIO(self.stored[part["Key"]].decode(), newline=""), names)
        return [Row(*(line[name] for name in _COLUMNS)) for line in lines]
