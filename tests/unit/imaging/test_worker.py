from __future__ import annotations

import pickle
from io import BytesIO

import pytest

from service.domain.pictures import PictureFault, PictureFormat, PictureInfo
from service.imaging.requests import Done, Edit, Failed, Finish, Prepare, PrepareMask, Refused, Request
from service.imaging.work import work
from service.imaging.worker import answer, serve
from service.ports.imaging import Encoding, LocalEdit, Picture, Prepared, SourceLimits
from tests.pictures.samples import picture

DATA = picture(PictureFormat.PNG)
INFO = PictureInfo(format=PictureFormat.PNG, width=60, height=40)
FINISH = Finish(data=DATA, info=INFO, max_pixels=10**6, encoding=None)
REQUESTS = {
    Prepared: Prepare(
        data=DATA,
        info=INFO,
        max_pixels=10**6,
        limits=SourceLimits(formats=frozenset({PictureFormat.JPEG}), max_bytes=10**6),
    ),
    LocalEdit: Edit(
        data=DATA,
        info=INFO,
        max_pixels=10**6,
        prompt="sepia",
        encoding=Encoding(format=PictureFormat.JPEG),
        size=(30, 30),
        label="marked",
    ),
    Picture: FINISH,
}


@pytest.mark.parametrize("kind", REQUESTS)
def test_every_kind_of_work(kind: type) -> None:
    assert isinstance(work(REQUESTS[kind]), kind)


def test_what_is_fine_as_it_came_does_not_travel_back() -> None:
    usual = SourceLimits(formats=frozenset({PictureFormat.PNG}), max_bytes=10**6)
    assert work(Prepare(data=DATA, info=INFO, max_pixels=10**6, limits=usual)) is None


def test_masks_are_work_too() -> None:
    mask = PrepareMask(data=DATA, info=INFO, max_pixels=10**6, width=10, height=10, max_bytes=10**6)
    assert isinstance(work(mask), Picture)


def test_answers_say_who_is_at_fault() -> None:
    assert isinstance(answer(FINISH), Done)
    refused = answer(Finish(data=DATA[:50], info=INFO, max_pixels=10**6, encoding=None))
    assert isinstance(refused, Refused)
    assert refused.fault is PictureFault.DAMAGED
    failed = answer(Request(data=DATA, info=INFO, max_pixels=1))
    assert isinstance(failed, Failed)
    assert "TypeError: no such work: Request" in failed.traceback


def test_serves_until_there_is_nothing_more() -> None:
    requests, answers = BytesIO(), BytesIO()
    for request in REQUESTS.values():
        pickle.dump(request, requests)
    requests.seek(0)
    serve(requests, answers)
    answers.seek(0)
    assert answers.read(1) == b"+"
    given = [pickle.load(answers) for _ in REQUESTS]  # noqa: S301 - written here
    assert [type(one.value) for one in given] == list(REQUESTS)
