"""What must hold after a service was killed again and again, checked over what its peers remember."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.fault.peers import Callback


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that was seen of a run.

    Attributes:
        jobs: The key that a job was posted under, to the id that it was accepted as.
        calls: By the same key, the life of the service in which each call of the provider came.
        callbacks: Callbacks by job id.
        stored_after: Job id to the number of calls made for it when its output was first seen in the storage.
        documents: Job id to the job as the API shows it at the end.
    """

    jobs: Mapping[str, str]
    calls: Mapping[str, Sequence[int]]
    callbacks: Mapping[str, Sequence[Callback]]
    stored_after: Mapping[str, int]
    documents: Mapping[str, Mapping[str, Any]]

    def violations(self) -> list[str]:
        """Every broken promise in a sentence; empty when all were kept."""
        return [*self._of_accepting(), *self._of_calling(), *self._of_calling_back(), *self._of_ending()]

    def _of_accepting(self) -> Iterator[str]:
        for job_id, count in Counter(self.jobs.values()).items():
            if count > 1:
                yield f"{job_id}: accepted under {count} keys"
        for job_id in self.callbacks.keys() - set(self.jobs.values()):
            yield f"{job_id}: called back, but a second job of a key that was accepted as another"

    def _of_calling(self) -> Iterator[str]:
        for key, job_id in self.jobs.items():
            calls = self.calls.get(key, ())
            if len(set(calls)) < len(calls):
                yield f"{job_id}: asked twice by one process"
            if len(calls) > self.stored_after.get(job_id, len(calls)):
                yield f"{job_id}: asked again although its result was stored"

    def _of_calling_back(self) -> Iterator[str]:
        for job_id in self.jobs.values():
            callbacks = self.callbacks.get(job_id, ())
            if not callbacks:
                yield f"{job_id}: never called back"
            if len({callback.message_id for callback in callbacks}) > 1:
                yield f"{job_id}: called back under more than one webhook-id"
            if len({callback.digest for callback in callbacks}) > 1:
                yield f"{job_id}: called back with different bytes"

    def _of_ending(self) -> Iterator[str]:
        for job_id in self.jobs.values():
            job = self.documents[job_id]
            if not job.get("finished"):
                yield f"{job_id}: not finished but {job.get('status')}"
            elif job["callback"]["state"] != "delivered":
                yield f"{job_id}: finished, its callback {job['callback']['state']}"

    def endings(self) -> Counter[str]:
        """How many jobs ended how, for example ``succeeded by openai``."""
        return Counter(
            f"{job.get('status')} by {(job.get('output') or {}).get('provider', 'nobody')}"
            for job in self.documents.values()
        )
