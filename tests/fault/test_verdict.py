"""The judgement of a killed service sees every kind of broken promise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fault.peers import Callback
from tests.fault.verdict import Evidence

_CALLBACK = Callback(message_id="msg_1", timestamp=1, digest="abc", answered=200)
_DOCUMENT = {"status": "succeeded", "finished": True, "callback": {"state": "delivered"}}
_KEPT = Evidence(
    jobs={"tag-1": "job_1"},
    calls={"tag-1": [0, 1]},
    callbacks={"job_1": [_CALLBACK, replace(_CALLBACK, timestamp=2)]},
    stored_after={"job_1": 2},
    documents={"job_1": _DOCUMENT},
)


def test_repeated_callbacks_and_calls_of_interrupted_lives_are_allowed() -> None:
    assert _KEPT.violations() == []
    assert _KEPT.endings() == {"succeeded by nobody": 1}


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (replace(_KEPT, jobs={"tag-1": "job_1", "tag-2": "job_1"}), "job_1: accepted under 2 keys"),
        (
            replace(_KEPT, callbacks={**_KEPT.callbacks, "job_2": [_CALLBACK]}),
            "job_2: called back, but a second job of a key that was accepted as another",
        ),
        (replace(_KEPT, calls={"tag-1": [1, 1]}), "job_1: asked twice by one process"),
        (replace(_KEPT, stored_after={"job_1": 1}), "job_1: asked again although its result was stored"),
        (replace(_KEPT, callbacks={}), "job_1: never called back"),
        (
            replace(_KEPT, callbacks={"job_1": [_CALLBACK, replace(_CALLBACK, message_id="msg_2")]}),
            "job_1: called back under more than one webhook-id",
        ),
        (
            replace(_KEPT, callbacks={"job_1": [_CALLBACK, replace(_CALLBACK, digest="abd")]}),
            "job_1: called back with different bytes",
        ),
        (replace(_KEPT, documents={"job_1": {"status": "running"}}), "job_1: not finished but running"),
        (
            replace(_KEPT, documents={"job_1": _DOCUMENT | {"callback": {"state": "pending"}}}),
            "job_1: finished, its callback pending",
        ),
    ],
)
def test_a_broken_promise_is_told(broken: Evidence, sentence: str) -> None:
    assert broken.violations() == [sentence]
