"""What a service that was stopped, killed or started twice owes its callers."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeService
from tests.fault.peers import Surroundings
from tests.patience import PATIENCE_SECONDS
from tests.servers.fleet import Service
from tests.servers.plain_http import Connection
from tests.servers.service import RunningService

Job = Mapping[str, Any]

_SCHEDULE = "1.5,1.5,1.5,1.5"  # with ±20 % jitter no two attempts fall into the same second


@pytest.fixture
async def around() -> AsyncIterator[Surroundings]:
    async with Surroundings() as surroundings:
        yield surroundings


@pytest.fixture
async def service(tmp_path: Path, around: Surroundings, make_service: MakeService) -> AsyncIterator[Service]:
    async with make_service(tmp_path, around.environment(retry_schedule=_SCHEDULE)) as running:
        yield running


async def _post(service: Service, request: bytes) -> str:
    connection = Connection(service.url)
    status, _, body = await connection.send(request)
    connection.close()
    assert status == 202, body
    return str(json.loads(body)["job_id"])


async def _until(service: Service, job_id: str, condition: Callable[[Job], bool]) -> Job:
    async with service.client() as client, asyncio.timeout(PATIENCE_SECONDS):
        while True:
            job: Job = (await client.get(f"/api/v1/jobs/{job_id}")).json()
            if condition(job):
                return job
            await asyncio.sleep(0.05)


async def _finished(service: Service, job_id: str) -> Job:
    return await _until(service, job_id, lambda job: job["finished"] and job["callback"]["state"] == "delivered")


def _tried(times: int) -> Callable[[Job], bool]:
    return lambda job: job["callback"]["attempts"] >= times


async def test_a_job_killed_right_after_its_202_is_done_by_the_next_process(
    service: Service, around: Surroundings
) -> None:
    _, request = around.job()

    job_id = await _post(service, request)
    await service.kill9()
    await service.start()

    job = await _finished(service, job_id)
    assert job["status"] == "succeeded"
    assert len(around.receiver.callbacks[job_id]) == 1


async def test_the_same_key_after_a_kill_is_the_same_job(service: Service, around: Surroundings) -> None:
    tag, request = around.job()

    first = await _post(service, request)
    await _finished(service, first)
    await service.kill9()
    await service.start()

    assert await _post(service, request) == first
    assert len(around.provider.calls[tag]) == 1


async def test_a_receiver_down_for_three_attempts_is_asked_by_the_schedule_through_restarts(
    service: Service, around: Surroundings
) -> None:
    _, request = around.job()

    around.receiver.refuse(503, 503, 503)
    job_id = await _post(service, request)
    await _until(service, job_id, _tried(1))
    await service.kill9()
    await service.start()
    await _until(service, job_id, _tried(2))
    await service.stop()
    await service.start()
    await _finished(service, job_id)

    callbacks = around.receiver.callbacks[job_id]
    assert [callback.answered for callback in callbacks] == [503, 503, 503, 200]
    assert len({callback.message_id for callback in callbacks}) == 1
    assert len({callback.digest for callback in callbacks}) == 1
    assert all(earlier.timestamp < later.timestamp for earlier, later in pairwise(callbacks))


async def test_a_second_process_on_the_same_data_folder_is_refused(tmp_path: Path) -> None:
    async with RunningService(tmp_path) as service:
        await _refuse_second(service, tmp_path)


async def _refuse_second(service: Service, tmp_path: Path) -> None:
    second = RunningService(tmp_path)
    second.log_path = tmp_path / "second.log"

    second.spawn()
    code = await second.exited()

    assert code not in {0, -signal.SIGKILL}
    assert str(service.data_dir) in second.log
    assert "Traceback" not in second.log
    await service.ready()


async def test_sigterm_lets_a_running_job_finish(tmp_path: Path, make_service: MakeService) -> None:
    async with Surroundings(provider_seconds=(1.0, 1.0)) as around:
        service = make_service(tmp_path, around.environment(retry_schedule=_SCHEDULE))
        async with service:
            tag, request = around.job()
            job_id = await _post(service, request)
            if not around.provider.calls[tag]:
                await asyncio.wait_for(around.moments.next("called"), PATIENCE_SECONDS)

            assert await service.stop() in {0, -signal.SIGTERM}
            await service.start()
            job = await _finished(service, job_id)

        assert [attempt["outcome"] for attempt in job["attempts"]] == ["succeeded"]
        assert len(around.provider.calls[tag]) == 1
        assert "Traceback" not in service.log


async def test_a_killed_process_leaves_none_of_its_children_behind(service: Service, around: Surroundings) -> None:
    _, request = around.job()
    await _finished(service, await _post(service, request))

    await service.kill9()

    with suppress(ProcessLookupError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                service.signal_family(0)
                await asyncio.sleep(0.05)
