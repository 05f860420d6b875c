"""kill -9 at random moments over a stream of jobs."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.fault.peers import Surroundings
from tests.fault.verdict import Evidence
from tests.patience import PATIENCE_SECONDS
from tests.servers.fleet import Fleet, Service
from tests.servers.plain_http import Connection
from tests.servers.service import RunningService

_CLIENTS = 4
_OUTSTANDING = 12  # accepted and not yet called back: enough that every moment of a job is met
_MISSED = 40  # more of them, which wait until it is noticed that who had them in work is dead
_RETRY_SCHEDULE = ",".join(["1"] * 20)
_READING_TURNS = 50  # of the loop: more than a request takes from a connection that waits to the end of its body
_OUTPUT = re.compile(r"(job_[0-9a-f]{32})/[^/]*_modified\.[a-z]+$")

# What is waited for before a kill, and up to how many seconds after it the kill comes.
_TRIGGERS: Mapping[str, tuple[str | None, float]] = {
    "while starting": (None, 1.5),
    "at any time": (None, 1.0),
    "while accepting": ("posting", 0.02),
    "after 202": ("accepted", 0.005),
    "during the provider call": ("called", 0.1),
    "between answer and store": ("answered", 0.015),
    "during the callback": ("delivering", 0.03),
    "after the callback": ("delivered", 0.01),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A run, and all that was seen of it. `kills` counts by the moment that was aimed at."""

    kills: Counter[str]
    evidence: Evidence
    seconds: float


class KillRun:
    """One service, one stream of jobs, and somebody who keeps killing the service.

    Args:
        folder: Where the service keeps its data.
        url: A Postgres database for the service and another worker, which is not killed; without one the service is
            alone with its embedded defaults.
        seed: Makes the choice of moments repeatable, as far as time is.
    """

    def __init__(self, folder: Path, *, url: str | None = None, seed: int) -> None:
        self._url = url
        self._around = Surroundings(provider_seconds=(0.05, 0.3), receiver_seconds=(0, 0.03))
        self._moments = self._around.moments
        self._provider = self._around.provider
        self._receiver = self._around.receiver
        self._folder = folder
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._order = self._in_turn()
        self._jobs: dict[str, str] = {}
        self._calls_when_stored: dict[str, Counter[str]] = {}
        self._kills: Counter[str] = Counter()
        self._posting = True
        self._outstanding = _OUTSTANDING + (0 if url is None else _MISSED)

    async def run(self, kills: int) -> Outcome:
        """Kill `kills` times, let everything settle, and tell what was seen."""
        started = time.monotonic()
        async with self._around:
            service, *others = self._processes()
            for other in others:
                await other.start()
            clients = [asyncio.create_task(self._post_jobs(service)) for _ in range(_CLIENTS)]
            try:
                for _ in range(kills):
                    await self._kill_once(service)
                await service.start()
                self._posting = False
                await asyncio.gather(*clients)
                await self._settle()
                documents = await self._documents(service)
            finally:
                for client in clients:
                    client.cancel()
                for process in (service, *others):
                    await process.end()
        evidence = Evidence(
            jobs=self._jobs,
            calls=self._provider.calls,
            callbacks=self._receiver.callbacks,
            stored_after={
                job_id: self._calls_when_stored[job_id][tag]
                for tag, job_id in self._jobs.items()
                if job_id in self._calls_when_stored
            },
            documents=documents,
        )
        return Outcome(kills=self._kills, evidence=evidence, seconds=time.monotonic() - started)

    def _in_turn(self) -> Iterator[str]:
        """All moments to aim at, and all again, each time in another order."""
        while True:
            yield from self._random.sample(list(_TRIGGERS), len(_TRIGGERS))

    def _processes(self) -> Sequence[Service]:
        """The one that is killed first."""
        environment = self._around.environment(retry_schedule=_RETRY_SCHEDULE)
        if self._url is None:
            return [RunningService(self._folder, environment)]
        fleet = Fleet(self._folder, self._url, environment | {"AFTERIMAGE_WORKER_CONCURRENCY": "4"})
        return [fleet.front(with_worker=True), fleet.worker()]

    async def _post_jobs(self, service: Service) -> None:
        connection = Connection(service.url)
        while self._posting:
            if len(self._jobs) - len(self._receiver.callbacks) >= self._outstanding:
                with suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await self._moments.next("delivered")
                continue
            tag, request = self._around.job()
            self._jobs[tag] = await self._accepted(connection, request)
            self._moments.happened("accepted")
        connection.close()

    async def _accepted(self, connection: Connection, request: bytes) -> str:
        """Post one job, always under its one Idempotency-Key, until it is accepted; its id."""
        while True:
            try:
                asyncio.get_running_loop().call_soon(self._moments.happened, "posting")
                status, _, answer = await connection.send(request)
            except OSError:
                await asyncio.sleep(0.05)  # it was killed, or is starting
                continue
            if status == httpx.codes.ACCEPTED:
                return str(json.loads(answer)["job_id"])
            if status not in {httpx.codes.CONFLICT, httpx.codes.SERVICE_UNAVAILABLE}:
                raise AssertionError(f"{status} {answer.decode()}")
            await asyncio.sleep(0.1)

    async def _kill_once(self, service: Service) -> None:
        name = next(self._order)
        moment, within_seconds = _TRIGGERS[name]
        service.spawn()
        if name != "while starting":
            await service.ready()
        if moment is not None:
            await asyncio.wait_for(self._moments.next(moment), PATIENCE_SECONDS)
        await asyncio.sleep(self._random.uniform(0, within_seconds))
        await service.kill9()
        self._kills[name] += 1
        for _ in range(_READING_TURNS):  # what the dead process had sent is still read by its peers
            await asyncio.sleep(0)
        calls = Counter({tag: len(calls) for tag, calls in self._provider.calls.items()})
        for job_id in _stored_outputs(service.data_dir):
            self._calls_when_stored.setdefault(job_id, calls)
        self._provider.life += 1

    async def _settle(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while set(self._jobs.values()) - self._receiver.callbacks.keys():
                    await self._moments.next("delivered")
        await asyncio.sleep(1.5)  # longer than the retry schedule: a repeated callback would show by now

    async def _documents(self, service: Service) -> dict[str, dict[str, Any]]:
        async with service.client() as client:
            return {job_id: (await client.get(f"/api/v1/jobs/{job_id}")).json() for job_id in self._jobs.values()}


def _stored_outputs(data_dir: Path) -> Iterator[str]:
    for path in data_dir.rglob("*_modified.*"):
        if match := _OUTPUT.search(path.as_posix()):
            yield match.group(1)
