"""Several processes on one folder, and processes that die."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from tests.unit.storage.folders import OUT, folder_storage, out
from tests.unit.storage.writing import content_of

ROOT = Path(__file__).parents[3]


async def start(folder: Path, count: int) -> Process:
    arguments = ("-m", "tests.unit.storage.writing", str(folder), str(count))
    return await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT, stdout=PIPE)


async def lines_of(process: Process, count: int) -> list[bytes]:
    assert process.stdout is not None
    return [await process.stdout.readline() for _ in range(count)]


async def killed_while_writing(folder: Path, after: int) -> set[str]:
    """The keys that were reported as stored."""
    process = await start(folder, 300)
    reported = await lines_of(process, after)
    process.kill()
    rest, _ = await process.communicate()
    whole = b"".join([*reported, rest[: rest.rfind(b"\n") + 1]])
    return {line.split()[0].decode() for line in whole.splitlines()}


async def check_objects(folder: Path) -> set[str]:
    storage = folder_storage(folder)
    keys = {info.ref.key: info.ref for info in (await storage.list(OUT, "")).objects}
    for key, ref in keys.items():
        stored = await storage.get(ref, max_bytes=10**7)
        assert stored.data == content_of(key)
        assert stored.info.metadata == {"key": key}
    await storage.close()
    return set(keys)


async def test_kill_leaves_nothing_or_the_whole_object(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(3)]
    reported = await asyncio.gather(*(killed_while_writing(folder, 5 + n) for n, folder in enumerate(folders)))
    for folder, keys in zip(folders, reported, strict=True):
        assert keys <= await check_objects(folder)
        assert not list_of(folder / OUT / ".afterimage" / "partials")


async def test_processes_share_a_folder(tmp_path: Path) -> None:
    processes = [await start(tmp_path, 40) for _ in range(3)]
    outputs = [(await process.communicate())[0] for process in processes]
    lines = [line for output in outputs for line in output.decode().splitlines()]
    assert len(lines) == 3 * 40
    assert len({line for line in lines if line.endswith("True")}) == sum(line.endswith("True") for line in lines) == 40
    assert len(await check_objects(tmp_path)) == 40


def list_of(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_nobody_waits_for_good_for_a_process_that_was_stopped_while_it_gave_an_object_its_name(
    tmp_path: Path,
) -> None:
    storage = folder_storage(tmp_path)
    arguments = ("-m", "tests.unit.storage.holding", str(tmp_path), "stuck.png")
    holder = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT, stdout=PIPE)
    await lines_of(holder, 1)
    holder.send_signal(signal.SIGSTOP)
    metadata = {"about": "me"}
    stuck = asyncio.create_task(storage.put(out("stuck.png"), b"data", mime_type="image/png", metadata=metadata))
    others = [storage.put(out(f"{number}.png"), b"data", mime_type="image/png") for number in range(20)]
    assert all(await asyncio.gather(*others))
    assert await stuck
    stored = await storage.get(out("stuck.png"), max_bytes=10)
    assert (stored.data, stored.info.metadata) == (b"data", metadata)
    holder.kill()
    await holder.wait()
    await storage.close()
