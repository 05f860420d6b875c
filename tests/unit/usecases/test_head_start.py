from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from service.domain.pictures import PictureFault, PictureFormat, PictureRefusedError
from service.ports.imaging import Imaging, Picture, Prepared, SourceLimits
from service.ports.provider import Providers
from service.usecases.head_start import HeadStart

LIMITS = SourceLimits(formats=frozenset({PictureFormat.PNG}), max_bytes=1000)
OTHERS = SourceLimits(formats=frozenset({PictureFormat.JPEG}), max_bytes=1000)


class CountingImaging:
    """Prepares by handing the bytes back, and remembers which."""

    def __init__(self, fault: PictureRefusedError | None = None) -> None:
        self.prepared: list[bytes] = []
        self._fault = fault

    async def prepare(self, data: bytes, limits: SourceLimits) -> Prepared:
        self.prepared.append(data)
        await asyncio.sleep(0)
        if self._fault is not None:
            raise self._fault
        return Prepared(picture=Picture(data=data, format=min(limits.formats), width=1, height=1))


class OneProvider:
    """The directory of a service with one provider."""

    def choose(self, _operation: str, _requested: str | None) -> Any:
        capabilities = type("Capabilities", (), {"sources": LIMITS})
        return type("Provider", (), {"capabilities": capabilities})


def head_start(imaging: CountingImaging, *, most: int = 2) -> HeadStart:
    return HeadStart(imaging=cast("Imaging", imaging), providers=cast("Providers", OneProvider()), most=most)


async def test_what_was_begun_ahead_is_not_done_again() -> None:
    imaging = CountingImaging()
    ahead = head_start(imaging)
    ahead.begin("job", b"picture", operation="edit", provider=None)
    assert (await ahead.prepare("job", b"picture", LIMITS)).picture.data == b"picture"
    assert imaging.prepared == [b"picture"]


async def test_a_source_that_is_at_hand_is_not_read_again() -> None:
    ahead = head_start(CountingImaging())
    ahead.begin("job", b"picture", operation="edit", provider=None)
    assert ahead.picture("job") == b"picture"
    ahead.forget("job")
    assert ahead.picture("job") is None, "its turn is over"


async def test_a_job_without_a_head_start_is_prepared_in_its_turn() -> None:
    imaging = CountingImaging()
    ahead = head_start(imaging, most=1)
    ahead.begin("first", b"1", operation="edit", provider=None)
    ahead.begin("second", b"2", operation="edit", provider=None)
    await asyncio.sleep(0.01)
    assert imaging.prepared == [b"1"], "there was room for one"
    await ahead.prepare("second", b"2", LIMITS)
    assert imaging.prepared == [b"1", b"2"]


async def test_a_route_that_changed_meanwhile_is_prepared_for_anew() -> None:
    imaging = CountingImaging()
    ahead = head_start(imaging)
    ahead.begin("job", b"picture", operation="edit", provider=None)
    assert (await ahead.prepare("job", b"picture", OTHERS)).picture.format is PictureFormat.JPEG
    assert len(imaging.prepared) == 2


async def test_a_fault_is_raised_where_the_picture_is_wanted() -> None:
    ahead = head_start(CountingImaging(PictureRefusedError(PictureFault.DAMAGED, "broken")))
    ahead.begin("job", b"picture", operation="edit", provider=None)
    ahead.begin("unwanted", b"picture", operation="edit", provider=None)
    await asyncio.sleep(0.01)
    with pytest.raises(PictureRefusedError, match="broken"):
        await ahead.prepare("job", b"picture", LIMITS)


async def test_a_job_that_was_not_accepted_gives_its_place_back() -> None:
    imaging = CountingImaging()
    ahead = head_start(imaging, most=1)
    ahead.begin("refused", b"1", operation="edit", provider=None)
    ahead.forget("refused")
    ahead.forget("never begun")
    ahead.begin("next", b"2", operation="edit", provider=None)
    await ahead.prepare("next", b"2", LIMITS)
    assert imaging.prepared[-1] == b"2"
