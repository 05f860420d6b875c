"""Hostile and odd pictures at the imaging port: refused or handled as said, the loop never held up, nothing left."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest

from service.domain.pictures import PictureFault, PictureFormat, PictureRefusedError
from service.imaging.pool import PillowImaging
from service.ports.imaging import Encoding, Picture, SourceLimits
from tests.pictures.hostile import BY_HEADER, BY_PIXELS, ODD_BUT_GOOD
from tests.pictures.samples import encoded, opened, photograph, scene

USUAL = SourceLimits(
    formats=frozenset({PictureFormat.PNG, PictureFormat.JPEG, PictureFormat.WEBP}), max_bytes=50_000_000
)
PNG = Encoding(format=PictureFormat.PNG)


@pytest.fixture(scope="module")
def imaging() -> Iterator[PillowImaging]:
    pool = PillowImaging(workers=2, max_bytes=50_000_000, max_pixels=40_000_000, task_timeout_seconds=600)
    asyncio.run(pool.start())
    yield pool
    asyncio.run(pool.close())


def workers(of: int | None = None) -> set[int]:
    found: set[int] = set()
    for child in psutil.Process(of).children():
        with suppress(psutil.Error):  # one that was just killed
            if "service.imaging.worker" in child.cmdline():
                found.add(child.pid)
    return found


def resource_files(pid: int) -> list[str]:
    """Files that a process holds open, its own programs and pipes aside."""
    return [file.path for file in psutil.Process(pid).open_files() if not file.path.startswith(sys.prefix)]


@contextmanager
def stopped(pids: Collection[int]) -> Iterator[None]:
    """Have processes do nothing until the end of the block, or for a minute where it is their owner that waits."""

    def go_on() -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    patience = threading.Timer(60, go_on)
    patience.start()
    try:
        yield
    finally:
        patience.cancel()
        go_on()


async def test_the_whole_corpus_at_once(imaging: PillowImaging) -> None:
    corpus = {
        **{name: one.make() for name, one in BY_HEADER.items()},
        **{name: make() for name, make in {**BY_PIXELS, **ODD_BUT_GOOD}.items()},
    }
    before = workers()

    made: list[bytes] = []

    async def outcome(data: bytes) -> PictureFault | None:
        try:
            prepared = await imaging.prepare(data, USUAL)
        except PictureRefusedError as refusal:
            return refusal.fault
        made.append(prepared.picture.data)
        return None

    outcomes = await asyncio.gather(*[outcome(data) for data in corpus.values()])
    expected = {
        **{name: one.fault for name, one in BY_HEADER.items()},
        **dict.fromkeys(BY_PIXELS, PictureFault.DAMAGED),
        **dict.fromkeys(ODD_BUT_GOOD, None),
    }
    assert dict(zip(corpus, outcomes, strict=True)) == expected
    for data in made:
        opened(data)
    assert workers() == before
    assert all(resource_files(pid) == [] for pid in before)


async def test_pixels_do_not_hold_up_the_loop(imaging: PillowImaging) -> None:
    """What workers do not do is not done, and what they do not read is not waited for by the event loop."""
    await imaging.start()
    large = encoded(scene(2500, 2000), PictureFormat.PNG, compress_level=0)
    assert len(large) > 10_000_000  # more than a pipe takes
    with stopped(workers()):
        calls = [asyncio.create_task(imaging.finish(large, encoding=None)) for _ in range(3)]
        calls += [asyncio.create_task(imaging.prepare(make(), USUAL)) for make in BY_PIXELS.values()]
        await asyncio.sleep(0.5)  # two of them are under way, or a little later
        assert imaging.inspect(large).width == 2500
        assert not any(call.done() for call in calls)
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(outcome, PictureRefusedError) for outcome in outcomes] == [False] * 3 + [True] * len(BY_PIXELS)


@pytest.mark.timeout(600)
async def test_forty_megapixels_can_be_edited(imaging: PillowImaging) -> None:
    large = encoded(scene(8000, 5000), PictureFormat.JPEG)
    edit = await imaging.edit(
        large,
        "blur it, sharpen it, rotate 90 degrees, make it sepia",
        encoding=Encoding(format=PictureFormat.JPEG),
        size=None,
        label="AI edit unavailable",
    )
    assert len(edit.applied) == 4
    assert (edit.picture.width, edit.picture.height) == (5000, 8000)
    async with asyncio.timeout(30):  # all of it is given back, if not before the answer
        while any(psutil.Process(pid).memory_info().rss > 120_000_000 for pid in workers()):
            await asyncio.sleep(0.01)


async def test_a_crash_costs_nobody_else_anything(imaging: PillowImaging) -> None:
    await imaging.start()
    before = workers()
    calls = [
        asyncio.create_task(imaging.edit(photograph(), "sepia", encoding=PNG, size=None, label=None)) for _ in range(40)
    ]
    for _ in range(3):
        await asyncio.sleep(0.05)
        for pid in workers():
            os.kill(pid, signal.SIGKILL)
    edits = await asyncio.gather(*calls, return_exceptions=True)
    done = [edit for edit in edits if not isinstance(edit, PictureRefusedError)]
    assert len(done) >= 38  # a picture may be hit by two of the three rounds
    assert all(edit.understood for edit in done)  # type: ignore[union-attr]
    assert len(workers()) == len(before)


async def test_who_is_too_slow_is_given_up_and_others_are_served() -> None:
    before = workers()
    imaging = PillowImaging(workers=2, max_bytes=50_000_000, max_pixels=40_000_000, task_timeout_seconds=5)
    await imaging.start()
    slow, _ = workers() - before
    with stopped([slow]):
        outcomes = await asyncio.gather(
            *[imaging.finish(photograph(), encoding=None) for _ in range(2)], return_exceptions=True
        )
    assert sorted(isinstance(outcome, PictureRefusedError) for outcome in outcomes) == [False, True]
    assert any(isinstance(outcome, Picture) for outcome in outcomes)
    await imaging.close()


_OWNER = """
    import asyncio, sys
    from service.imaging.pool import PillowImaging
    from service.domain.pictures import PictureFormat
    from service.ports.imaging import Encoding
    from tests.pictures.samples import encoded, scene

    async def main():
        imaging = PillowImaging(workers=2, max_bytes=10**8, max_pixels=10**8)
        await imaging.start()
        busy = ", ".join(["blur strongly", "sharpen"] * 20)
        large = encoded(scene(5000, 4000), PictureFormat.JPEG)
        asyncio.create_task(
            imaging.edit(large, busy, encoding=Encoding(format=PictureFormat.PNG), size=None, label=None)
        )
        await asyncio.sleep(1)
        print("ready", flush=True)
        await asyncio.sleep(600)

    asyncio.run(main())
"""


def test_workers_do_not_outlive_an_owner_that_was_killed() -> None:
    command = (sys.executable, "-c", textwrap.dedent(_OWNER))
    with subprocess.Popen(command, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        left = [psutil.Process(pid) for pid in workers(owner.pid)]
        assert len(left) == 2  # one idle, one in the middle of a picture
        owner.kill()
        owner.wait()
    gone, alive = psutil.wait_procs(left, timeout=60)
    for process in alive:
        process.kill()
    assert len(gone) == 2
