from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from service.domain.jobs import Contract, Fallback, Job, OutputSource
from service.domain.objects import ObjectRef
from service.domain.pictures import PictureRefusedError
from service.imaging.pool import PillowImaging
from service.storage.folder import FolderStorage
from service.usecases.outputs import Kept, Made, Outputs, places

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def now(self) -> datetime:
        return NOW


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[FolderStorage]:
    folder = FolderStorage(
        root=tmp_path,
        input_bucket="b",
        output_bucket="b",
        link_base_url="http://127.0.0.1",
        link_key=b"k" * 32,
        clock=Clock(),
    )
    yield folder
    await folder.close()


@pytest.fixture
async def outputs(storage: FolderStorage) -> AsyncIterator[Outputs]:
    imaging = PillowImaging(workers=1, max_bytes=10**6, max_pixels=10**6)
    yield Outputs(storage=storage, imaging=imaging)
    await imaging.close()


def job(format_: str = "png", **parameters: Any) -> Job:
    return Job(
        id="job_1",
        tenant="t",
        contract=Contract.JOBS,
        operation="edit",
        prompt="x",
        source=None,
        target=ObjectRef("b", f"job_1/cat_modified.{format_}"),
        created_at=NOW,
        parameters={"output_format": format_} | parameters,
    )


def made(*, colour: str = "red", **more: Any) -> Made:
    return Made(data=_picture(colour), source=OutputSource.PROVIDER, provider="openai", **more)


def fallback(*, colour: str = "grey") -> Made:
    why = Fallback(reason="overloaded", provider="openai", provider_code=None)
    return Made(data=_picture(colour), source=OutputSource.FALLBACK, provider="local", fallback=why)


def _picture(colour: str, format_: str = "PNG") -> bytes:
    file = BytesIO()
    Image.new("RGB", (30, 20), colour).save(file, format_)
    return file.getvalue()


async def _leave_unconverted(storage: FolderStorage, kept: Kept, wanted: Job) -> ObjectRef:
    """Leave a result as a run leaves it that is killed before it converts it."""
    original = await storage.head(kept.output.object)
    assert original is not None
    data = (await storage.get(kept.output.object, max_bytes=10**6)).data
    waiting = ObjectRef("b", f"{wanted.target.key}.original")
    await storage.put(waiting, data, mime_type="image/png", metadata=original.metadata)
    return waiting


async def test_what_is_kept_is_found_again_with_all_that_is_known_of_it(outputs: Outputs) -> None:
    kept = await outputs.keep(
        job(), made(model="gpt-image-2", usage={"total_tokens": 7}, cost_usd=0.05, warnings=("scaled",))
    )
    assert await outputs.find(job()) == kept
    assert (kept.output.width, kept.output.height, kept.output.mime_type) == (30, 20, "image/png")


async def test_a_fallback_is_found_as_a_fallback(outputs: Outputs) -> None:
    why = Fallback(reason="billing_exhausted", provider="openai", provider_code="billing_hard_limit_reached")
    await outputs.keep(job(), made(fallback=why))
    found = await outputs.find(job())
    assert found is not None
    assert found.output.fallback == why


async def test_a_result_in_another_format_is_converted(outputs: Outputs, storage: FolderStorage) -> None:
    kept = await outputs.keep(job("webp"), made())
    assert kept.output.mime_type == "image/webp"
    assert [info.ref.key for info in (await storage.list("b", "")).objects] == ["job_1/cat_modified.webp"]


async def test_a_result_of_another_size_is_brought_to_the_wanted_one(outputs: Outputs, storage: FolderStorage) -> None:
    kept = await outputs.keep(job(target_width=12, target_height=12, fit="cover"), made())
    assert (kept.output.width, kept.output.height) == (12, 12)
    assert [info.ref.key for info in (await storage.list("b", "")).objects] == ["job_1/cat_modified.png"]


async def test_a_result_whose_conversion_a_crash_prevented_is_converted_later(
    outputs: Outputs, storage: FolderStorage
) -> None:
    kept = await outputs.keep(job(), made(cost_usd=0.05))
    waiting = await _leave_unconverted(storage, kept, job("webp"))
    found = await outputs.find(job("webp"))
    assert found is not None
    assert (found.output.mime_type, found.cost_usd) == ("image/webp", 0.05)
    assert await storage.head(waiting) is None


async def test_what_is_too_much_for_the_metadata_is_left_out_but_the_rest_stays(outputs: Outputs) -> None:
    await outputs.keep(job(), made(warnings=("w" * 3000,), usage={"total_tokens": 7}))
    found = await outputs.find(job())
    assert found is not None
    assert (found.warnings, found.usage) == ((), {"total_tokens": 7})


async def test_nothing_is_found_where_nothing_was_kept(outputs: Outputs) -> None:
    assert await outputs.find(job()) is None


async def test_bytes_that_are_no_picture_are_not_kept(outputs: Outputs, storage: FolderStorage) -> None:
    with pytest.raises(PictureRefusedError):
        await outputs.keep(job(), Made(data=b"no picture", source=OutputSource.PROVIDER, provider="openai"))
    assert not (await storage.list("b", "")).objects


@pytest.mark.parametrize("format_", ["png", "jpeg"])
async def test_of_two_runs_the_one_that_stored_first_says_what_the_output_is(outputs: Outputs, format_: str) -> None:
    first = await outputs.keep(job(format_), made(cost_usd=0.04))
    assert await outputs.keep(job(format_), made(colour="blue", cost_usd=0.05)) == first
    assert await outputs.keep(job(format_), fallback()) == first
    assert await outputs.find(job(format_)) == first


class TestAFallbackOfARunThatWasTakenForDead:
    @pytest.mark.parametrize("format_", ["png", "jpeg"])
    async def test_does_not_go_before_what_a_provider_made(
        self, outputs: Outputs, storage: FolderStorage, format_: str
    ) -> None:
        stale = await outputs.keep(job(format_), fallback())
        paid = await outputs.keep(job(format_), made(colour="blue", cost_usd=0.05))
        assert (paid.output.source, paid.cost_usd) == (OutputSource.PROVIDER, 0.05)
        assert paid.output.object.key == f"job_1/cat_modified.provider.{format_}"
        assert await outputs.find(job(format_)) == paid
        stored = {info.ref for info in (await storage.list("b", "")).objects}
        assert stored == {stale.output.object, paid.output.object}
        assert stored <= set(places(job(format_).target))

    async def test_is_the_output_where_nothing_else_came_of_the_job(self, outputs: Outputs) -> None:
        stale = await outputs.keep(job(), fallback())
        assert await outputs.keep(job(), fallback(colour="blue")) == stale

    async def test_comes_too_late_for_a_paid_picture_that_only_waits_to_be_converted(
        self, outputs: Outputs, storage: FolderStorage
    ) -> None:
        paid = await outputs.keep(job(), made(cost_usd=0.05))
        await _leave_unconverted(storage, paid, job("webp"))
        await outputs.keep(job("webp"), replace(fallback(), data=_picture("red", "WEBP")))
        found = await outputs.find(job("webp"))
        assert found is not None
        assert (found.output.source, found.output.mime_type, found.cost_usd) == ("provider", "image/webp", 0.05)
        assert await outputs.find(job("webp")) == found

    async def test_of_two_paid_pictures_beside_it_the_first_counts(self, outputs: Outputs) -> None:
        await outputs.keep(job(), fallback())
        first = await outputs.keep(job(), made(colour="blue", cost_usd=0.04))
        assert await outputs.keep(job(), made(colour="green", cost_usd=0.05)) == first


async def test_a_receipt_that_was_lost_changes_nothing(outputs: Outputs) -> None:
    usage = {"total_tokens": 7, "details": ["x" * 40] * 50}  # more than is kept with the object
    kept = await outputs.keep(job(), made(usage=usage))
    assert await outputs.keep(job(), made(usage=usage)) == kept
    assert kept.usage == usage
