from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from service.net.resolver import SystemResolver


@pytest.fixture
def resolver() -> Iterator[SystemResolver]:
    found = SystemResolver(threads=2)
    yield found
    found.close()


async def test_it_finds_localhost_without_duplicates(resolver: SystemResolver) -> None:
    addresses = await resolver.resolve("localhost")
    assert ip_address("127.0.0.1") in addresses
    assert len(set(addresses)) == len(addresses)


async def test_a_name_that_cannot_exist_is_an_error(resolver: SystemResolver) -> None:
    with pytest.raises(socket.gaierror):
        await resolver.resolve("a" * 64 + ".invalid.")  # longer than a label may be: refused without a question


async def test_one_who_gives_up_does_not_take_the_answer_from_another(resolver: SystemResolver) -> None:
    patient = asyncio.create_task(resolver.resolve("localhost"))
    hasty = asyncio.create_task(resolver.resolve("localhost"))
    await asyncio.sleep(0)
    hasty.cancel()
    assert ip_address("127.0.0.1") in await patient
    assert hasty.cancelled() or await asyncio.wait([hasty])


async def test_a_failure_that_nobody_waits_for_is_no_noise(resolver: SystemResolver) -> None:
    lonely = asyncio.create_task(resolver.resolve("a" * 64 + ".invalid."))
    await asyncio.sleep(0)
    lonely.cancel()
    await asyncio.wait([lonely])
    with pytest.raises(socket.gaierror):
        await resolver.resolve("b" * 64 + ".invalid.")


async def test_look_ups_given_up_at_the_end_do_not_hang() -> None:
    resolver = SystemResolver(threads=1)
    waiting = [asyncio.create_task(resolver.resolve(name)) for name in ("localhost", "localhost.")]
    await asyncio.sleep(0)
    resolver.close()
    await asyncio.wait(waiting, timeout=30)
    assert all(task.done() for task in waiting)
