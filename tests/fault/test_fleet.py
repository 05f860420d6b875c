"""What processes that share a database owe each other's jobs when one of them is killed, stopped or cut short."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fault.fleet import (
    AT_A_TIME,
    SILENT_SECONDS,
    FleetRun,
    all_called_back,
    asked_again,
    calls_of,
    evidence_of,
    post,
    variables_of,
)
from tests.fault.peers import Surroundings
from tests.fault.verdict import Evidence
from tests.integration.scene import fleet_scene, picture
from tests.patience import until
from tests.servers.fleet import Fleet
from tests.servers.openai_images import Reply
from tests.servers.plain_http import Connection
from tests.servers.postgres import PostgresServer
from tests.servers.processes import WebProcess

_JOBS = 30
_RUN_JOBS = 90
_AWAY_SECONDS = 10


@pytest.fixture
async def around() -> AsyncIterator[Surroundings]:
    async with Surroundings(provider_seconds=(0.5, 1.5)) as surroundings:
        yield surroundings


@pytest.fixture
async def fleet(tmp_path: Path, empty_postgres_url: str, around: Surroundings) -> Fleet:
    fleet = Fleet(tmp_path, empty_postgres_url, variables_of(around))
    await fleet.migrate()
    return fleet


class _Load:
    """One client that posts one job after the other, each under its one Idempotency-Key until it is accepted.

    Attributes:
        jobs: The ids of what was accepted, by tags.
        refusals: Status and headers of every other answer.
        enough: To be set when it shall end.
    """

    def __init__(self, api: WebProcess, around: Surroundings) -> None:
        self._connection = Connection(api.url)
        self._around = around
        self.jobs: dict[str, str] = {}
        self.refusals: list[tuple[int, Mapping[str, str]]] = []
        self.enough = False

    async def post(self) -> None:
        """Go on until it is enough, and what was begun is accepted."""
        while not self.enough:
            tag, request = self._around.job()
            while tag not in self.jobs:
                status, headers, body = await self._connection.send(request)
                if status == httpx.codes.ACCEPTED:
                    self.jobs[tag] = str(json.loads(body)["job_id"])
                else:
                    self.refusals.append((status, headers))
                await asyncio.sleep(0.1)
        self._connection.close()


def _truth(evidence: Evidence) -> dict[str, Any]:
    """The jobs without what is made anew each time that they are shown."""
    return {
        job_id: [job["status"], job["output"]["sha256"], job["output"]["provider"], job["attempts"], job["callback"]]
        for job_id, job in evidence.documents.items()
    }


async def test_what_a_killed_and_a_stopped_worker_had_in_work_is_taken_over(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    run = FleetRun(tmp_path, empty_postgres_url, apis=2, workers=3, provider_seconds=(1, 2))
    outcome = await run.run(_RUN_JOBS)

    assert outcome.violations() == []
    assert outcome.evidence.endings() == {"succeeded by openai": _RUN_JOBS}
    assert 0 < len(outcome.asked_again) <= 2 * AT_A_TIME
    assert outcome.taken_over_seconds > SILENT_SECONDS / 2


@pytest.mark.patient
async def test_a_worker_that_wakes_up_after_its_work_was_taken_over_changes_nothing(
    fleet: Fleet, around: Surroundings
) -> None:
    async with fleet.front() as api, fleet.worker() as sleeper:
        jobs = await post([api], around, 8)
        await until(lambda: calls_of(around) > 0)
        sleeper.signal_family(signal.SIGSTOP)
        async with fleet.worker():
            await until(all_called_back(around, jobs))
            calls = calls_of(around)
            before = await evidence_of(api, around, jobs)
            sleeper.signal_family(signal.SIGCONT)
            await until(lambda: "has taken the job" in sleeper.log)
            await sleeper.stop()  # what it still had in work ends by itself
            after = await evidence_of(api, around, jobs)

    assert after.violations() == []
    assert _truth(after) == _truth(before)
    assert calls_of(around) == calls
    assert 0 < len(asked_again(around)) <= AT_A_TIME
    assert {len(callbacks) for callbacks in around.receiver.callbacks.values()} == {1}


async def test_a_worker_that_is_told_to_stop_leaves_the_rest_to_the_others(fleet: Fleet, around: Surroundings) -> None:
    async with fleet.front() as api:
        jobs = await post([api], around, _JOBS)
        async with fleet.worker() as leaving, fleet.worker():
            await until(lambda: calls_of(around) > 2 * AT_A_TIME)
            await leaving.stop()
            await until(all_called_back(around, jobs))
            evidence = await evidence_of(api, around, jobs)

    assert evidence.violations() == []
    assert not asked_again(around)


@pytest.mark.parametrize("end", [PostgresServer.crash, PostgresServer.stop], ids=["crashed", "stopped"])
async def test_a_database_that_was_away_under_load_costs_no_job_and_no_call(
    fleet: Fleet, around: Surroundings, postgres: PostgresServer, end: Callable[[PostgresServer], None]
) -> None:
    async with fleet.front() as api, fleet.worker(), fleet.worker():
        load = _Load(api, around)
        posting = asyncio.create_task(load.post())
        await until(lambda: calls_of(around) > 2 * AT_A_TIME)
        await asyncio.to_thread(end, postgres)
        accepted = len(load.jobs)
        try:
            await asyncio.sleep(_AWAY_SECONDS)
            await until(lambda: bool(load.refusals))
        finally:
            await asyncio.to_thread(postgres.start)
        await until(lambda: len(load.jobs) > accepted + AT_A_TIME)
        load.enough = True
        await posting
        await until(all_called_back(around, load.jobs))
        evidence = await evidence_of(api, around, load.jobs)

    assert evidence.violations() == []
    assert evidence.endings() == {"succeeded by openai": len(load.jobs)}
    assert not asked_again(around)
    assert {status for status, _ in load.refusals} == {503}
    assert all(int(headers["retry-after"]) > 0 for _, headers in load.refusals)


@pytest.mark.patient
async def test_a_worker_that_wakes_up_takes_no_pictures_from_who_took_over_its_batch(
    tmp_path: Path, empty_postgres_url: str
) -> None:
    concurrency, count = 4, 160
    async with fleet_scene(tmp_path, empty_postgres_url, workers=1) as it:
        folder = it.service.data_dir / "storage" / "pictures" / "in"
        folder.mkdir(parents=True)
        for number in range(count):
            (folder / f"{number:03d}.png").write_bytes(picture(20 + number, 10))
        it.images.script(always=Reply(delay_seconds=0.5))
        job_id = await it.tool("/batch-process-images", prefix="in/", concurrency=concurrency)
        await until(lambda: len(it.images.calls) > concurrency)
        sleeper = it.workers[0]
        sleeper.signal_family(signal.SIGSTOP)
        asleep = len(it.images.calls)
        assert it.fleet is not None
        async with it.fleet.worker():
            await until(lambda: len(it.images.calls) > asleep + concurrency)
            sleeper.signal_family(signal.SIGCONT)
            await until(lambda: bool(it.visits(job_id)))
            said = await it.callback(job_id)
            await sleeper.stop()

    assert (said["status"], said["processed"]) == ("completed", count)
    assert len(it.images.calls) <= count + concurrency
