"""What processes that share a database owe each other's jobs when one of them is killed, stopped or cut short."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fault.peers import Surroundings
from tests.fault.verdict import Evidence
from tests.integration.scene import fleet_scene, picture
from tests.servers.fleet import Fleet
from tests.servers.openai_images import Reply
from tests.servers.plain_http import Connection
from tests.servers.postgres import PostgresServer
from tests.servers.processes import WebProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

_JOBS = 30
_AT_A_TIME = 4
_TAKEN_OVER_SECONDS = 60


@pytest.fixture
async def around() -> AsyncIterator[Surroundings]:
    async with Surroundings(provider_seconds=(0.5, 1.5)) as surroundings:
        yield surroundings


@pytest.fixture
async def fleet(tmp_path: Path, empty_postgres_url: str, around: Surroundings) -> Fleet:
    variables = around.environment(retry_schedule="1,1,1") | {"AFTERIMAGE_WORKER_CONCURRENCY": str(_AT_A_TIME)}
    fleet = Fleet(tmp_path, empty_postgres_url, variables)
    await fleet.migrate()
    return fleet


async def _post(api: WebProcess, around: Surroundings, count: int) -> dict[str, str]:
    """Post jobs; their ids by their tags."""
    connection, jobs = Connection(api.url), {}
    for _ in range(count):
        tag, request = around.job()
        status, _, body = await connection.send(request)
        assert status == 202, body
        jobs[tag] = str(json.loads(body)["job_id"])
    connection.close()
    return jobs


async def _until(condition: Callable[[], bool], *, timeout_seconds: float) -> float:
    """Wait for something that other processes do; how long it took."""
    started = time.monotonic()
    async with asyncio.timeout(timeout_seconds):
        while not condition():
            await asyncio.sleep(0.05)
    return time.monotonic() - started


async def _evidence(api: WebProcess, around: Surroundings, jobs: Mapping[str, str]) -> Evidence:
    """What was seen once every callback is known to be delivered."""
    documents: dict[str, Any] = {}
    async with api.client() as client, asyncio.timeout(60):
        for job_id in jobs.values():
            while True:
                job = documents[job_id] = (await client.get(f"/api/v1/jobs/{job_id}")).json()
                if job["finished"] and job["callback"]["state"] == "delivered":
                    break
                await asyncio.sleep(0.05)
    return Evidence(jobs=jobs, calls={}, callbacks=around.receiver.callbacks, stored_after={}, documents=documents)


def _all_called_back(around: Surroundings, jobs: Mapping[str, str]) -> Callable[[], bool]:
    return lambda: set(jobs.values()) <= around.receiver.callbacks.keys()


def _asked_again(around: Surroundings) -> set[str]:
    return {tag for tag, calls in around.provider.calls.items() if len(calls) > 1}


def _calls(around: Surroundings) -> int:
    return sum(map(len, around.provider.calls.values()))


def _truth(evidence: Evidence) -> dict[str, Any]:
    """The jobs without what is made anew each time that they are shown."""
    return {
        job_id: [job["status"], job["output"]["sha256"], job["output"]["provider"], job["attempts"], job["callback"]]
        for job_id, job in evidence.documents.items()
    }


async def test_what_a_killed_worker_had_in_work_is_taken_over(fleet: Fleet, around: Surroundings) -> None:
    async with fleet.front() as api:
        jobs = await _post(api, around, _JOBS)
        async with fleet.worker() as doomed, fleet.worker():
            await _until(lambda: _calls(around) > 2 * _AT_A_TIME, timeout_seconds=60)
            await doomed.kill9()
            seconds = await _until(_all_called_back(around, jobs), timeout_seconds=_TAKEN_OVER_SECONDS)
            evidence = await _evidence(api, around, jobs)

    assert evidence.violations() == []
    assert evidence.endings() == {"succeeded by openai": _JOBS}
    assert 0 < len(_asked_again(around)) <= _AT_A_TIME
    assert seconds > 15  # nobody was told: its silence was noticed
    for tag in _asked_again(around):
        first, last = evidence.documents[jobs[tag]]["attempts"]
        assert first["possibly_billed"]
        assert last["outcome"] == "succeeded"


async def test_a_worker_that_wakes_up_after_its_work_was_taken_over_changes_nothing(
    fleet: Fleet, around: Surroundings
) -> None:
    async with fleet.front() as api, fleet.worker() as sleeper:
        jobs = await _post(api, around, 8)
        await _until(lambda: _calls(around) > 0, timeout_seconds=30)
        sleeper.signal_family(signal.SIGSTOP)
        async with fleet.worker():
            await _until(_all_called_back(around, jobs), timeout_seconds=_TAKEN_OVER_SECONDS + 15)
            calls = _calls(around)
            before = await _evidence(api, around, jobs)
            sleeper.signal_family(signal.SIGCONT)
            await _until(lambda: "has taken the job" in sleeper.log, timeout_seconds=30)
            await sleeper.stop(timeout_seconds=60)  # what it still had in work ends by itself
            after = await _evidence(api, around, jobs)

    assert after.violations() == []
    assert _truth(after) == _truth(before)
    assert _calls(around) == calls
    assert 0 < len(_asked_again(around)) <= _AT_A_TIME
    assert {len(callbacks) for callbacks in around.receiver.callbacks.values()} == {1}


async def test_a_worker_that_is_told_to_stop_leaves_the_rest_to_the_others(fleet: Fleet, around: Surroundings) -> None:
    async with fleet.front() as api:
        jobs = await _post(api, around, _JOBS)
        async with fleet.worker() as leaving, fleet.worker():
            await _until(lambda: _calls(around) > 2 * _AT_A_TIME, timeout_seconds=60)
            await leaving.stop(timeout_seconds=60)
            await _until(_all_called_back(around, jobs), timeout_seconds=60)
            evidence = await _evidence(api, around, jobs)

    assert evidence.violations() == []
    assert not _asked_again(around)


async def test_a_database_that_crashes_and_comes_back_costs_no_job_and_no_call(
    fleet: Fleet, around: Surroundings, postgres: PostgresServer
) -> None:
    async with fleet.front() as api:
        jobs = await _post(api, around, _JOBS)
        async with fleet.worker(), fleet.worker():
            await _until(lambda: _calls(around) > 2 * _AT_A_TIME, timeout_seconds=60)
            await asyncio.to_thread(postgres.crash)
            try:
                await asyncio.sleep(3)  # longer than any call that was out
            finally:
                await asyncio.to_thread(postgres.start)
            await _until(_all_called_back(around, jobs), timeout_seconds=90)
            evidence = await _evidence(api, around, jobs)

    assert evidence.violations() == []
    assert evidence.endings() == {"succeeded by openai": _JOBS}
    assert not _asked_again(around)


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
        await _until(lambda: len(it.images.calls) > concurrency, timeout_seconds=30)
        sleeper = it.workers[0]
        sleeper.signal_family(signal.SIGSTOP)
        asleep = len(it.images.calls)
        assert it.fleet is not None
        async with it.fleet.worker():
            await _until(lambda: len(it.images.calls) > asleep + concurrency, timeout_seconds=_TAKEN_OVER_SECONDS)
            sleeper.signal_family(signal.SIGCONT)
            await _until(lambda: bool(it.visits(job_id)), timeout_seconds=90)
            said = await it.callback(job_id)
            await sleeper.stop()

    assert (said["status"], said["processed"]) == ("completed", count)
    assert len(it.images.calls) <= count + concurrency
