"""Processes that share a database, one of them killed and another stopped for longer than it may be silent."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.fault.peers import Surroundings
from tests.fault.verdict import Evidence
from tests.patience import PATIENCE_SECONDS, until
from tests.servers.fleet import Fleet
from tests.servers.plain_http import Connection
from tests.servers.processes import WebProcess

AT_A_TIME = 4
"""Jobs that each worker runs at once."""

SILENT_SECONDS = 30.0
"""After so long a silence a worker's work is taken over."""

_LONGEST_SECONDS = 600.0  # for all jobs of a run


def variables_of(around: Surroundings) -> dict[str, str]:
    """The variables of a fleet."""
    return around.environment(retry_schedule="1,1,1") | {"AFTERIMAGE_WORKER_CONCURRENCY": str(AT_A_TIME)}


async def post(apis: Sequence[WebProcess], around: Surroundings, count: int) -> dict[str, str]:
    """Post jobs to some processes in turn; their ids by their tags."""
    connections, jobs = [Connection(api.url) for api in apis], {}
    for number in range(count):
        tag, request = around.job()
        status, _, body = await connections[number % len(connections)].send(request)
        assert status == 202, body
        jobs[tag] = str(json.loads(body)["job_id"])
    for connection in connections:
        connection.close()
    return jobs


async def evidence_of(api: WebProcess, around: Surroundings, jobs: Mapping[str, str]) -> Evidence:
    """What was seen once every callback is known to be delivered."""
    documents: dict[str, Any] = {}
    async with api.client() as client, asyncio.timeout(PATIENCE_SECONDS):
        for job_id in jobs.values():
            while True:
                job = documents[job_id] = (await client.get(f"/api/v1/jobs/{job_id}")).json()
                if job["finished"] and job["callback"]["state"] == "delivered":
                    break
                await asyncio.sleep(0.05)
    return Evidence(jobs=jobs, calls={}, callbacks=around.receiver.callbacks, stored_after={}, documents=documents)


def all_called_back(around: Surroundings, jobs: Mapping[str, str]) -> Callable[[], bool]:
    """Whether a callback of each job has come."""
    return lambda: set(jobs.values()) <= around.receiver.callbacks.keys()


def calls_of(around: Surroundings) -> int:
    """How often the provider was asked."""
    return sum(map(len, around.provider.calls.values()))


def asked_again(around: Surroundings) -> set[str]:
    """The tags of the jobs for which the provider was asked more than once."""
    return {tag for tag, calls in around.provider.calls.items() if len(calls) > 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOutcome:
    """A run, and all that was seen of it.

    Attributes:
        asked_again: The ids of the jobs for which the provider was asked more than once.
        taken_over_seconds: From the stop of the first of the two workers until the last job of either was begun anew.
        called_back_seconds: From the last 202 to the last callback.
    """

    evidence: Evidence
    calls: int
    asked_again: Sequence[str]
    taken_over_seconds: float
    called_back_seconds: float

    def violations(self) -> list[str]:
        """Every broken promise in a sentence; empty when all were kept."""
        jobs, lost = len(self.evidence.jobs), 2 * AT_A_TIME
        dear = [f"{self.calls} calls for {jobs} jobs and {lost} that were out"] if self.calls > jobs + lost else []
        first_calls = [self.evidence.documents[job_id]["attempts"][0] for job_id in self.asked_again]
        hidden = [
            f"{job_id}: asked again, and the first call is not said to be possibly billed"
            for job_id, attempt in zip(self.asked_again, first_calls, strict=True)
            if not attempt["possibly_billed"]
        ]
        return [*self.evidence.violations(), *dear, *hidden]


class FleetRun:
    """Several processes of each kind, a stream of jobs, and two workers that come to harm.

    Args:
        folder: Where their one data folder and their logs are.
        url: The database that they share, which exists.
        apis: How many processes accept.
        workers: How many work; at least three, so that one is left.
        provider_seconds: The shortest and the longest time that the provider takes to answer. The longer, the surer it
            is that calls are out when a worker comes to harm.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        *,
        apis: int,
        workers: int,
        provider_seconds: tuple[float, float] = (0.3, 0.7),
    ) -> None:
        self._around = Surroundings(provider_seconds=provider_seconds)
        self._folder = folder
        self._url = url
        self._apis = apis
        self._workers = workers

    async def run(self, count: int) -> FleetOutcome:
        """Accept so many jobs, stop one worker after a quarter of them and kill another after half; wake the first."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._around)
            fleet = Fleet(self._folder, self._url, variables_of(self._around))
            await fleet.migrate()
            apis = [await stack.enter_async_context(make()) for make in (fleet.front, *[fleet.api] * (self._apis - 1))]
            workers = [await stack.enter_async_context(fleet.worker()) for _ in range(self._workers)]
            sleeper, doomed = workers[0], workers[1]
            jobs = await post(apis, self._around, count)
            accepted_at = time.monotonic()
            await self._until_called_back(count // 4)
            sleeper.signal_family(signal.SIGSTOP)
            stopped_at = datetime.now(UTC)
            await self._until_called_back(count // 2)
            await doomed.kill9()
            await self._until_called_back(count)
            called_back_seconds = time.monotonic() - accepted_at
            left_seconds = SILENT_SECONDS * 1.3 - (datetime.now(UTC) - stopped_at).total_seconds()
            await asyncio.sleep(max(0.0, left_seconds))
            sleeper.signal_family(signal.SIGCONT)
            await sleeper.stop()  # what it still had in work ends by itself
            evidence = await evidence_of(apis[-1], self._around, jobs)
        again = [jobs[tag] for tag in sorted(asked_again(self._around))]
        begun_anew = [evidence.documents[job_id]["attempts"][-1]["started_at"] for job_id in again]
        return FleetOutcome(
            evidence=evidence,
            calls=calls_of(self._around),
            asked_again=again,
            taken_over_seconds=max(
                ((datetime.fromisoformat(moment) - stopped_at).total_seconds() for moment in begun_anew), default=0.0
            ),
            called_back_seconds=called_back_seconds,
        )

    async def _until_called_back(self, count: int) -> None:
        callbacks = self._around.receiver.callbacks
        await until(lambda: len(callbacks) >= count, timeout_seconds=_LONGEST_SECONDS)
