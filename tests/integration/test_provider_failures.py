"""What becomes of a job when the model refuses, fails, or is cut off, seen from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.integration.scene import OpenScene, Scene, encoded, opened, picture
from tests.servers.openai_images import Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_scene(tmp_path_factory: pytest.TempPathFactory, open_scene: OpenScene) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path_factory.mktemp("scene")) as it:
        yield it


@pytest.fixture
def it(one_scene: Scene) -> Scene:
    """The scene of all tests that need no variables of their own and leave the circuit closed."""
    one_scene.images.reset()
    return one_scene


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other_scene(tmp_path_factory: pytest.TempPathFactory, open_scene: OpenScene) -> AsyncIterator[Scene]:
    variables = {"AFTERIMAGE_PROVIDER_MAX_ATTEMPTS": "2", "OPENAI_IMAGE_MODEL": "gpt-image-1,gpt-image-2"}
    async with open_scene(tmp_path_factory.mktemp("scene"), **variables) as it:
        yield it


@pytest.fixture
def with_two_tries(other_scene: Scene) -> Scene:
    """A scene in which a picture is asked for twice at most, and of a second model if there is no first."""
    other_scene.images.reset()
    return other_scene


async def test_no_money_gives_a_labelled_fallback_and_nobody_is_asked_again(
    tmp_path: Path, open_scene: OpenScene
) -> None:
    async with open_scene(tmp_path) as it:
        it.images.script(always="billing_hard_limit")
        first = await it.tool(image_base64=encoded(picture()), filename="cat.png")
        payload = await it.callback(first)
        assert payload["status"] == "completed"
        assert payload["source"] == "fallback"
        assert payload["provider"] == "local"
        assert payload["fallback_reason"] == "billing_exhausted"
        assert payload["provider_error_code"] == "billing_hard_limit_reached"
        assert any("instead of by openai" in warning for warning in payload["warnings"])

        result = (await it.client.get(payload["result_url"])).content
        assert "fallback" in str(opened(result).info).lower(), "the picture's metadata says what it is"

        second = await it.ended((await it.submit(image_base64=encoded(picture()))).json()["id"])
        assert second["output"]["source"] == "fallback"
        assert second["progress"]["fallback"] == 1
        assert len(it.images.calls) == 1, "the circuit is open"
        providers = (await it.client.get("/api/v1/providers")).json()
        assert "open" in str(providers)


async def test_a_rate_limit_is_waited_out(it: Scene) -> None:
    it.images.script("rate_limited")
    job = await it.ended((await it.submit(image_base64=encoded(picture()))).json()["id"])
    assert job["output"]["source"] == "provider"
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["rate_limited", "succeeded"]
    assert all(later.at - earlier.at >= 1 for earlier, later in pairwise(it.images.calls)), "Retry-After: 1"


async def test_a_rate_limit_that_stays_gives_a_fallback(with_two_tries: Scene) -> None:
    with_two_tries.images.script(always="rate_limited")
    job = await with_two_tries.ended((await with_two_tries.submit(image_base64=encoded(picture()))).json()["id"])
    assert job["status"] == "succeeded"
    assert job["output"]["fallback"] == {
        "reason": "rate_limited",
        "provider": "openai",
        "provider_code": "rate_limit_exceeded",
    }
    assert len(with_two_tries.images.calls) == 2


async def test_a_content_policy_refusal_is_never_routed_around(it: Scene) -> None:
    it.images.script("moderated")
    job_id = await it.tool(image_base64=encoded(picture()), filename="cat.png")
    payload = await it.callback(job_id)
    assert payload["status"] == "failed"
    assert payload["error_code"] == "moderated"
    assert payload["provider_error_code"] == "moderation_blocked"
    assert payload["filename"] == "cat.png"
    assert "result_url" not in payload
    job = await it.job(job_id)
    assert job["output"] is None
    assert job["error"]["moderation"] == {"stage": "input", "categories": ["violence"]}
    assert len(it.images.calls) == 1


async def test_a_cut_connection_is_possibly_billed_and_not_repeated(it: Scene) -> None:
    it.images.script("cut")
    job = await it.ended((await it.submit(image_base64=encoded(picture()))).json()["id"])
    assert len(it.images.calls) == 1
    assert [attempt["possibly_billed"] for attempt in job["attempts"]] == [True]
    assert job["output"]["fallback"]["reason"] == "ambiguous"


async def test_a_caller_may_opt_for_a_second_call_after_a_cut_connection(it: Scene) -> None:
    it.images.script("cut")
    asked = await it.submit(image_base64=encoded(picture()), retry_possibly_billed=True)
    job = await it.ended(asked.json()["id"])
    assert [attempt["possibly_billed"] for attempt in job["attempts"]] == [True, False]
    assert job["output"]["source"] == "provider"


async def test_without_fallback_a_job_fails_with_the_reason(tmp_path: Path, open_scene: OpenScene) -> None:
    async with open_scene(tmp_path, AFTERIMAGE_FALLBACK="off") as it:
        it.images.script(always="insufficient_quota")
        job = await it.ended((await it.submit(image_base64=encoded(picture()))).json()["id"])
        assert job["status"] == "failed"
        assert job["error"]["code"] == "billing_exhausted"
        assert job["error"]["provider_code"] == "insufficient_quota"


async def test_a_retired_model_gives_way_to_the_next(with_two_tries: Scene) -> None:
    with_two_tries.images.script("model_not_found")
    job = await with_two_tries.ended((await with_two_tries.submit(image_base64=encoded(picture()))).json()["id"])
    assert job["output"]["model"] == "gpt-image-2"
    assert [attempt["model"] for attempt in job["attempts"]] == ["gpt-image-1", "gpt-image-2"]


async def test_a_running_job_is_canceled_and_its_call_possibly_billed(it: Scene) -> None:
    it.images.script(Reply(does="hang"))
    job_id = await it.tool(image_base64=encoded(picture()))
    while not it.images.calls:
        assert (await it.job(job_id))["status"] in {"queued", "running"}
        await asyncio.sleep(0.05)
    answer = await it.client.post(f"/api/v1/jobs/{job_id}/cancel")
    assert answer.status_code == httpx.codes.OK
    assert answer.json()["status"] == "canceled"
    assert [attempt["possibly_billed"] for attempt in answer.json()["attempts"]] == [True]
    assert (await it.callback(job_id))["status"] == "canceled"
    again = await it.client.post(f"/api/v1/jobs/{job_id}/cancel")
    assert again.status_code == httpx.codes.OK, "canceling twice is no error"


async def test_a_failed_job_is_done_again_as_a_new_one(it: Scene) -> None:
    it.images.script("moderated")
    failed = await it.ended((await it.submit(image_base64=encoded(picture()), metadata={"sku": "7"})).json()["id"])
    assert failed["status"] == "failed"
    asked = await it.client.post(f"/api/v1/jobs/{failed['id']}/retry")
    assert asked.status_code == 202
    done = await it.ended(asked.json()["id"])
    assert done["id"] != failed["id"]
    assert (done["status"], done["output"]["source"], done["metadata"]) == ("succeeded", "provider", {"sku": "7"})
    again = await it.client.post(f"/api/v1/jobs/{done['id']}/retry")
    assert (again.status_code, again.json()["code"]) == (409, "already_finished")


async def test_a_fallback_is_done_again_by_the_model_with_the_same_mask(it: Scene) -> None:
    it.images.script("cut")
    masked = {"image_base64": encoded(picture()), "mask_base64": encoded(picture(colour="white"))}
    fell_back = await it.ended((await it.submit(**masked)).json()["id"])
    assert fell_back["output"]["source"] == "fallback"
    path = f"/api/v1/jobs/{fell_back['id']}/retry"
    assert (await it.client.post(path)).status_code == 409, "it has not failed"
    done = await it.ended((await it.client.post(path, params={"status": "fallback"})).json()["id"])
    assert done["output"]["source"] == "provider"
    first, second = it.images.calls
    assert second.files == first.files, "the same picture and the same mask"
