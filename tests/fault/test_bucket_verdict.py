"""The judgement of an edited bucket sees every kind of broken promise."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from service.domain.pictures import PictureFormat
from service.domain.reports import as_csv
from tests.fault.bucket_verdict import BucketEvidence, Row
from tests.pictures.bucket import Entry, Kind
from tests.pictures.samples import encoded, scene

_OUTPUT = encoded(scene(30, 20), PictureFormat.PNG)
_OTHER_OUTPUT = encoded(scene(20, 20), PictureFormat.PNG)
_MADE = Row("a.png", "succeeded", output_key="job_1/a_modified.png", digest=hashlib.sha256(_OUTPUT).hexdigest())
_FAILED = Row("b.png", "failed", "image_damaged", "No picture.")
_SKIPPED = Row("c.txt", "skipped", "not_a_picture")
_CALLBACK = {
    "status": "completed_with_errors",
    "total_files": 2,
    "total_files_processed": 1,
    "processed": 1,
    "failed": 1,
    "fallback_local": 0,
    "skipped": 1,
    "errors": ["b.png: No picture."],
}


def stored(*rows: Row, output: bytes = _OUTPUT) -> Mapping[str, bytes]:
    """An output bucket with the output and a report of these rows, each a part of its own."""
    held = {"job_1/a_modified.png": output}
    parts = []
    for number, row in enumerate(rows):
        key, data = f"job_1/report/{number}.csv", as_csv([row])
        about = {"TaskExecutionStatus": row.status, "Key": key, "Rows": 1}
        parts.append(about | {"Bytes": len(data), "SHA256": hashlib.sha256(data).hexdigest()})
        held[key] = data
    manifest = {"ReportSchema": "Key, TaskStatus, ErrorCode, ResultMessage, OutputKey, SHA256", "Results": parts}
    return held | {"job_1/report/manifest.json": json.dumps(manifest).encode()}


_WHOLE = stored(_MADE, _FAILED, _SKIPPED)
_KEPT = BucketEvidence(
    entries=[
        Entry("a.png", b"", Kind.PICTURE, (30, 20)),
        Entry("b.png", b"", Kind.DAMAGED),
        Entry("c.txt", b"", Kind.OTHER),
    ],
    job_id="job_1",
    callbacks={"msg_1": _CALLBACK},
    stored=_WHOLE,
    calls=3,
    out_at_kills=[1, 1],
    concurrency=2,
)


def test_calls_that_a_kill_cut_off_may_be_repeated() -> None:
    assert _KEPT.violations() == []
    assert _KEPT.results["a.png"].output == "a_modified.png"


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ({"callbacks": {}}, "0 callbacks"),
        ({"callbacks": {"msg_1": _CALLBACK, "msg_2": _CALLBACK}}, "2 callbacks"),
        ({"callbacks": {"msg_1": _CALLBACK | {"failed": 2}}}, "says failed 2, not 1"),
        ({"callbacks": {"msg_1": _CALLBACK | {"errors": []}}}, "0 errors in the callback"),
        ({"callbacks": {"msg_1": _CALLBACK | {"errors": ["a.png: Bad."]}}}, "about no damaged picture: a.png"),
        ({"stored": stored(_MADE, _FAILED._replace(message=""), _SKIPPED)}, "b.png: failed for no reason"),
        ({"stored": {**_WHOLE, "job_1/report/1.csv": b""}}, "1.csv: not the part that the manifest describes"),
        ({"stored": {**_WHOLE, "job_1/report/1.csv": b""}}, "1.csv: 0 rows, or of another status"),
        ({"stored": stored(_MADE, _FAILED, _SKIPPED, _SKIPPED)}, "c.txt: 2 times in the report"),
        ({"stored": stored(_MADE, _FAILED)}, "c.txt: not there in the report"),
        ({"stored": stored(_MADE, _FAILED, _SKIPPED._replace(status="failed"))}, "c.txt: failed in the report"),
        ({"stored": stored(_MADE, _FAILED, _SKIPPED, _SKIPPED._replace(key="d"))}, "d: in the report and not in the"),
        ({"stored": stored(_MADE, _MADE._replace(key="d"))}, "job_1/a_modified.png: the output of 2 pictures"),
        ({"stored": {**_WHOLE, "job_1/stray.png": b""}}, "job_1/stray.png: stored and not in the report"),
        ({"stored": stored(_MADE._replace(output_key="job_1/x.png"), _FAILED)}, "a.png: its output is not stored"),
        ({"stored": stored(_MADE, _FAILED, _SKIPPED, output=_OTHER_OUTPUT)}, "another output is stored than"),
        ({"stored": stored(_MADE, _FAILED, _SKIPPED, output=_OTHER_OUTPUT)}, "(20, 20) in size, as if made of another"),
        ({"calls": 4}, "4 calls, 3 at most"),
        ({"out_at_kills": [3]}, "3 calls were out at a time, 2 at most"),
    ],
)
def test_a_broken_promise_is_named(broken: Mapping[str, object], sentence: str) -> None:
    violations = replace(_KEPT, **broken).violations()

    assert any(sentence in violation for violation in violations), violations
