from __future__ import annotations

import asyncio

import pytest

from service.ledger.feed import Feed


async def test_a_listener_hears_of_its_own_job_only() -> None:
    feed = Feed()
    with feed.listen("a") as changes:
        feed.announce("b")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(changes), 0.01)
    with feed.listen("a") as changes:
        feed.announce("a")
        feed.announce("a")
        await asyncio.wait_for(anext(changes), 30)


async def test_nothing_is_kept_of_listeners_that_have_left() -> None:
    feed = Feed()
    with feed.listen("a"):
        with feed.listen("a"):
            pass
        assert feed._listeners
    assert not feed._listeners
    feed.announce("a")


async def test_all_listeners_are_woken_when_nobody_knows_what_happened() -> None:
    feed = Feed()
    with feed.listen("a") as one, feed.listen("b") as other:
        feed.announce_all()
        for changes in (one, other):
            await asyncio.wait_for(anext(changes), 30)
