from __future__ import annotations

import asyncio
import time

from service.bootstrap.capabilities import SystemClock
from service.callbacks.slots import HostSlots
from service.limits.local import LocalLimits


async def test_a_host_has_so_many_and_other_hosts_have_their_own() -> None:
    slots = HostSlots(limits=LocalLimits(SystemClock()), per_host=2)
    order: list[str] = []
    release = asyncio.Event()

    async def hold(name: str, host: str) -> None:
        async with slots.slot(host):
            order.append(name)
            await release.wait()

    tasks = [asyncio.create_task(hold(name, "a.example")) for name in ("a1", "a2", "a3")]
    await asyncio.sleep(0.01)
    tasks.append(asyncio.create_task(hold("b1", "b.example")))
    await asyncio.sleep(0.01)
    assert order == ["a1", "a2", "b1"]
    release.set()
    await asyncio.gather(*tasks)
    assert order == ["a1", "a2", "b1", "a3"]


async def test_who_gives_up_leaves_nothing_behind() -> None:
    slots = HostSlots(limits=LocalLimits(SystemClock()), per_host=1)
    async with slots.slot("a.example"):
        waiting = asyncio.create_task(slots.slot("a.example").__aenter__())
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait([waiting])
    assert not slots._hosts


async def test_a_full_host_is_stuck_once_nothing_moves() -> None:
    slots, patient = (
        HostSlots(limits=LocalLimits(SystemClock()), per_host=1, stuck_seconds=seconds) for seconds in (0.05, 60)
    )
    async with slots.slot("a.example"), patient.slot("a.example"):
        await asyncio.sleep(0.1)
        assert slots.stuck("a.example")
        assert not slots.stuck("b.example")
        assert not patient.stuck("a.example")
    assert not slots.stuck("a.example")


async def test_a_full_host_that_gets_on_is_not_stuck() -> None:
    slots = HostSlots(limits=LocalLimits(SystemClock()), per_host=1, stuck_seconds=0.3)
    moved_at = time.monotonic()

    async def attempt() -> None:
        nonlocal moved_at
        async with slots.slot("a.example"):
            await asyncio.sleep(0.05)
            moved_at = time.monotonic()

    waiting = [asyncio.create_task(attempt()) for _ in range(12)]
    while not all(task.done() for task in waiting):
        stuck = slots.stuck("a.example")
        assert not stuck or time.monotonic() - moved_at > 0.3  # so it is where the machine stands still
        await asyncio.sleep(0.01)
