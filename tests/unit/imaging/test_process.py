from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from service.domain.pictures import PictureFault, PictureFormat, PictureInfo, PictureRefusedError
from service.imaging.process import WorkerFailedError, WorkerProcess, WorkersClosedError, WorkerStartError
from service.imaging.requests import Edit, Finish, Request
from service.ports.imaging import Encoding, LocalEdit, Picture
from tests.pictures.samples import encoded, photograph, picture, scene

ENOUGH = 2 * 1024**3
PNG = PictureInfo(format=PictureFormat.PNG, width=60, height=40)
EASY = Finish(data=picture(PictureFormat.PNG), info=PNG, max_pixels=10**6, encoding=None)


def slow(rounds: int = 12) -> Edit:
    """Work that takes a second or so for each round of strong effects on a large picture."""
    data = encoded(scene(4000, 3000), PictureFormat.BMP)
    info = PictureInfo(format=PictureFormat.BMP, width=4000, height=3000)
    encoding = Encoding(format=PictureFormat.PNG)
    prompt = ", ".join(["blur strongly", "sharpen"] * rounds)
    return Edit(data=data, info=info, max_pixels=10**8, prompt=prompt, encoding=encoding, size=None, label=None)


@pytest.fixture
def workers() -> Iterator[list[WorkerProcess]]:
    made: list[WorkerProcess] = []
    yield made
    for worker in made:
        worker.close()
        worker.end()


def started(workers: list[WorkerProcess], **options: Any) -> WorkerProcess:
    settings = {"memory_bytes": ENOUGH, "timeout_seconds": 600.0, "requests_per_process": 100, **options}
    workers.append(WorkerProcess(**settings))
    workers[-1].wait_ready()
    return workers[-1]


def pids() -> set[int]:
    return {child.pid for child in psutil.Process().children() if _lives(child)}


def _lives(child: psutil.Process) -> bool:
    try:
        return child.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it was still listed
        return False


def busy(pid: int) -> None:
    """Wait until the process has loaded and works on a picture."""
    while psutil.Process(pid).memory_info().rss < 100_000_000:
        time.sleep(0.005)


def perform_behind(worker: WorkerProcess, request: Request[Any]) -> tuple[threading.Thread, list[BaseException]]:
    raised: list[BaseException] = []

    def perform() -> None:
        try:
            worker.perform(request)
        except BaseException as error:  # noqa: BLE001 - told to the test
            raised.append(error)

    thread = threading.Thread(target=perform)
    thread.start()
    return thread, raised


def test_works_in_another_process_that_holds_no_secret(workers: list[WorkerProcess], monkeypatch: Any) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    before = pids()
    worker = started(workers)
    (pid,) = pids() - before
    result = worker.perform(EASY)
    assert isinstance(result, Picture)
    assert result.data == EASY.data
    assert "OPENAI_API_KEY" not in psutil.Process(pid).environ()
    assert pids() - before == {pid}
    assert worker.end() == -signal.SIGKILL
    assert worker.end() == 0
    assert not psutil.pid_exists(pid)


def test_refusals_come_back(workers: list[WorkerProcess]) -> None:
    refused = Finish(data=EASY.data, info=PNG, max_pixels=10, encoding=None)
    with pytest.raises(PictureRefusedError) as refusal:
        started(workers).perform(refused)
    assert refusal.value.fault is PictureFault.TOO_MANY_PIXELS
    assert "60 x 40" in refusal.value.message


def test_faults_of_the_program_come_back_as_such(workers: list[WorkerProcess]) -> None:
    worker = started(workers)
    with pytest.raises(WorkerFailedError, match="no such work"):
        worker.perform(Request(data=b"", info=PNG, max_pixels=1))
    assert worker.perform(EASY)


def test_a_process_that_was_killed_while_idle_is_replaced_unnoticed(workers: list[WorkerProcess]) -> None:
    before = pids()
    worker = started(workers)
    (pid,) = pids() - before
    os.kill(pid, signal.SIGKILL)
    assert worker.perform(EASY)
    assert len(pids() - before) == 1
    assert pid not in pids()


def test_a_process_that_was_killed_at_work_is_replaced_and_the_work_done(workers: list[WorkerProcess]) -> None:
    before = pids()
    worker = started(workers)
    (pid,) = pids() - before
    killer = threading.Thread(target=lambda: (busy(pid), os.kill(pid, signal.SIGKILL)))
    killer.start()
    result = worker.perform(slow(rounds=2))
    killer.join()
    assert isinstance(result, LocalEdit)
    assert result.understood


def test_a_picture_that_kills_twice_is_refused_and_the_next_one_served(workers: list[WorkerProcess]) -> None:
    before = pids()
    worker = started(workers)

    def kill(times: int) -> None:
        for _ in range(times):
            while not (now := pids() - before):
                time.sleep(0.01)
            (pid,) = now
            busy(pid)
            os.kill(pid, signal.SIGKILL)
            while pid in pids():
                time.sleep(0.01)

    killer = threading.Thread(target=kill, args=(2,))
    killer.start()
    with pytest.raises(PictureRefusedError) as refusal:
        worker.perform(slow())
    killer.join()
    assert refusal.value.fault is PictureFault.DAMAGED
    assert "does not survive" in refusal.value.message
    assert worker.perform(EASY)


@pytest.mark.parametrize("stopped", [False, True])
def test_what_takes_too_long_is_killed_and_refused(workers: list[WorkerProcess], stopped: bool) -> None:
    before = pids()
    worker = started(workers, timeout_seconds=3)
    (pid,) = pids() - before
    if stopped:
        os.kill(pid, signal.SIGSTOP)
    with pytest.raises(PictureRefusedError) as refusal:
        worker.perform(slow())
    assert refusal.value.fault is PictureFault.DAMAGED
    assert "within 3 s" in refusal.value.message
    assert not psutil.pid_exists(pid)
    assert worker.perform(EASY)


def test_more_memory_than_allowed_is_refused(workers: list[WorkerProcess]) -> None:
    worker = started(workers, memory_bytes=300 * 1024**2)
    with pytest.raises(PictureRefusedError) as refusal:
        worker.perform(slow())
    assert refusal.value.fault is PictureFault.TOO_MANY_PIXELS
    assert "memory" in refusal.value.message
    assert worker.perform(EASY)


def test_a_fresh_process_takes_over_after_many_requests(workers: list[WorkerProcess]) -> None:
    before = pids()
    worker = started(workers, requests_per_process=2)
    (first,) = pids() - before
    worker.perform(EASY)
    assert pids() - before == {first}
    worker.perform(EASY)
    (second,) = pids() - before
    assert first != second
    assert worker.perform(EASY)


def test_a_process_that_cannot_load_is_no_fault_of_a_picture(workers: list[WorkerProcess]) -> None:
    workers.append(WorkerProcess(memory_bytes=1024**2, timeout_seconds=5, requests_per_process=9))
    with pytest.raises(WorkerStartError, match="exit status"):
        workers[0].perform(EASY)


def test_closing_ends_what_runs(workers: list[WorkerProcess]) -> None:
    before = pids()
    worker = started(workers)
    (pid,) = pids() - before
    thread, raised = perform_behind(worker, slow())
    busy(pid)
    worker.close()
    thread.join(60)
    assert [type(error) for error in raised] == [WorkersClosedError]
    with pytest.raises(WorkersClosedError):
        worker.perform(EASY)
    assert pids() == before


def test_closing_what_was_never_started() -> None:
    worker = WorkerProcess(memory_bytes=ENOUGH, timeout_seconds=1, requests_per_process=1)
    worker.close()
    assert worker.end() == 0


def test_large_pictures_travel_both_ways(workers: list[WorkerProcess]) -> None:
    data = encoded(scene(2500, 2000), PictureFormat.PNG, compress_level=0)
    assert len(data) > 10_000_000
    info = PictureInfo(format=PictureFormat.PNG, width=2500, height=2000)
    result = started(workers).perform(Finish(data=data, info=info, max_pixels=10**8, encoding=None))
    assert isinstance(result, Picture)
    assert result.data == data


def test_signals_to_the_group_do_not_end_it(workers: list[WorkerProcess]) -> None:
    before = pids()
    worker = started(workers)
    (pid,) = pids() - before
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGINT)
    assert worker.perform(EASY)
    assert pids() - before == {pid}
    assert photograph()
