"""A job from its request to its picture and its callback, by every way in."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from PIL import Image

from tests.integration.scene import OpenScene, Scene, encoded, opened, picture
from tests.patience import PATIENCE_SECONDS, until
from tests.servers.plain_http import Answer, Request, Server

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_scene(tmp_path_factory: pytest.TempPathFactory, open_scene: OpenScene) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("scene")
    async with open_scene(folder, workers=2, AFTERIMAGE_MAX_IMAGE_BYTES="2000000") as it:
        yield it


@pytest.fixture
def it(one_scene: Scene) -> Scene:
    one_scene.images.reset()
    return one_scene


async def test_base64_comes_back_as_base64(it: Scene) -> None:
    job_id = await it.tool("/process-image-async-b64", image_base64=encoded(picture()), filename="Mein Bild.png")
    payload = await it.callback(job_id)
    opened(base64.b64decode(payload["result_image_base64"]))
    assert payload["result_mime_type"] == "image/png"
    assert {"status", "job_id", "filename", "source", "provider"} <= set(payload)
    assert payload["source"] == "provider"
    assert payload["filename"] == "Mein Bild.png"
    assert None not in payload.values()


async def test_a_picture_on_the_web_comes_back_as_a_link(it: Scene) -> None:
    async def serve(_request: Request) -> Answer:
        return Answer(body=picture(), headers={"content-type": "image/png"})

    async with Server(serve) as web:
        payload = await it.callback(await it.tool(image_url=f"{web.url}/cat.png", filename="cat.png"))
    assert payload["status"] == "completed"
    assert payload["object_key"].endswith("/cat_modified.png")
    answer = await it.client.get(payload["result_url"])
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment")
    opened(answer.content)
    broken = payload["result_url"].replace("signature=", "signature=0")
    assert (await it.client.get(broken)).status_code == httpx.codes.FORBIDDEN


async def test_a_picture_that_is_not_there_fails_with_a_readable_reason(it: Scene) -> None:
    async def nothing(_request: Request) -> Answer:
        return Answer(404)

    async with Server(nothing) as web:
        payload = await it.callback(await it.tool(image_url=f"{web.url}/none.png"))
    assert payload["status"] == "failed"
    assert payload["error_code"] == "image_url_status"
    assert "404" in payload["error"]
    assert not it.images.calls


async def test_an_object_of_the_bucket_is_edited(it: Scene) -> None:
    bucket = (await it.client.get("/cos/config")).json()["input_bucket"]
    folder = it.service.data_dir / "storage" / bucket / "in"
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    await asyncio.to_thread((folder / "dog.jpg").write_bytes, picture(format_="JPEG"))
    payload = await it.callback(await it.tool(object_key="in/dog.jpg"))
    assert payload["status"] == "completed"
    assert payload["object_key"].endswith("/dog_modified.png")
    assert it.images.calls[0].files["image"][0] == "image/jpeg"


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"image_base64": encoded(b"no picture at all, just text" * 10)}, "not_a_picture", "/image_base64"),
        ({"image_base64": "%%%"}, "invalid_request", "/image_base64"),
        ({"image_url": "http://169.254.169.254/latest/meta-data"}, "invalid_image_url", "/image_url"),
        ({"image_url": "file:///etc/passwd"}, "invalid_image_url", "/image_url"),
        ({"object_key": "nothing/here.png"}, "object_not_found", "/object_key"),
        ({"object_key": "a.png", "bucket": "somebody-elses"}, "unknown_bucket", "/bucket"),
        ({"image_base64": encoded(picture()), "provider": "nobody"}, "unknown_provider", "/provider"),
        (
            {"image_base64": encoded(picture()), "callback_url": "ftp://x.example/"},
            "invalid_callback_url",
            "/callback_url",
        ),
        ({"image_base64": encoded(picture()), "mask_base64": encoded(b"x" * 99)}, "not_a_picture", "/mask_base64"),
        (
            {"image_base64": encoded(picture()), "provider": "local", "parameters": {"quality": "high"}},
            "unsupported_parameter",
            "/parameters",
        ),
    ],
)
async def test_what_is_known_to_be_wrong_is_refused_at_once_and_nothing_is_kept(
    it: Scene, body: dict[str, object], code: str, pointer: str
) -> None:
    kept = await asyncio.to_thread(_files, it.service.data_dir)
    answer = await it.submit(**body)
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == code
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert await asyncio.to_thread(_files, it.service.data_dir) == kept


def _files(folder: Path) -> set[str]:
    return {str(path) for path in (folder / "storage").rglob("*") if path.is_file()}


async def test_every_parameter_reaches_the_model(it: Scene) -> None:
    parameters = {
        "size": "1024x1024",
        "quality": "low",
        "background": "opaque",
        "output_format": "webp",
        "output_compression": 60,
    }
    asked = await it.submit(
        image_base64=encoded(picture()), mask_base64=encoded(picture(colour="white")), parameters=parameters
    )
    job = await it.ended(asked.json()["id"])
    assert job["output"]["mime_type"] == "image/webp"
    assert job["usage"]["total_tokens"] > 0
    assert job["cost"]["usd"] > 0
    call = it.images.calls[0]
    assert call.fields | {"output_compression": 60} == call.fields | parameters
    assert call.files["mask"][0] == "image/png"


async def test_a_format_that_the_model_cannot_write_is_converted(it: Scene) -> None:
    asked = await it.submit(image_base64=encoded(picture()), parameters={"output_format": "avif"})
    job = await it.ended(asked.json()["id"])
    assert job["output"]["mime_type"] == "image/avif"
    assert job["output"]["key"].endswith("_modified.avif")
    answer = await it.client.get(f"/api/v1/jobs/{job['id']}/output", follow_redirects=True)
    assert opened(answer.content).format == "AVIF"


async def test_waiting_answers_with_the_result(it: Scene) -> None:
    answer = await it.submit({"Prefer": "wait=60"}, image_base64=encoded(picture()))
    assert answer.status_code == httpx.codes.OK
    assert answer.headers["preference-applied"] == "wait=60"
    assert answer.json()["status"] == "succeeded"


async def test_an_impatient_wait_answers_202(it: Scene) -> None:
    it.images.script("hang")
    answer = await it.submit({"Prefer": "wait=1"}, image_base64=encoded(picture()))
    assert answer.status_code == httpx.codes.ACCEPTED
    assert answer.headers["location"].endswith(answer.json()["id"])
    assert (await it.client.get(f"/api/v1/jobs/{answer.json()['id']}/output")).status_code == httpx.codes.CONFLICT
    await until(lambda: bool(it.images.calls))
    it.images.release()
    assert (await it.ended(answer.json()["id"]))["status"] == "succeeded"


async def test_the_same_idempotency_key_is_the_same_job(it: Scene) -> None:
    key = {"Idempotency-Key": '"once"'}
    first, second = [await it.submit(key, image_base64=encoded(picture())) for _ in range(2)]
    assert first.json()["id"] == second.json()["id"]
    assert second.headers["idempotency-replayed"] == "true"
    other = await it.submit(key, image_base64=encoded(picture(colour="red")))
    assert other.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert other.json()["code"] == "idempotency_key_reused"


async def test_one_idempotency_key_at_the_same_moment_makes_one_job(it: Scene) -> None:
    key = {"Idempotency-Key": "at-once"}
    answers = await asyncio.gather(*(it.submit(key, image_base64=encoded(picture())) for _ in range(5)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == httpx.codes.ACCEPTED}) == 1


async def test_jobs_are_listed_newest_first_in_pages(it: Scene) -> None:
    made = [(await it.submit(image_base64=encoded(picture()))).json()["id"] for _ in range(3)]
    first = (await it.client.get("/api/v1/jobs", params={"limit": 2})).json()
    then = (await it.client.get("/api/v1/jobs", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [job["id"] for job in [*first["data"], *then["data"]]][:3] == made[::-1]
    for job_id in made:
        await it.ended(job_id)
    done = (await it.client.get("/api/v1/jobs", params={"status": "succeeded", "limit": 100})).json()
    assert set(made) <= {job["id"] for job in done["data"]}


async def test_a_source_with_surprises_is_made_fit_and_the_job_says_how(it: Scene) -> None:
    file = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    Image.new("CMYK", (60, 40), (0, 100, 100, 0)).save(file, "JPEG", exif=exif)
    job = await it.ended((await it.submit(image_base64=encoded(file.getvalue()))).json()["id"])
    assert job["status"] == "succeeded"
    said = " ".join(job["warnings"]).lower()
    assert "cmyk" in said
    assert "orient" in said or "upright" in said or "rotat" in said
    assert len(it.images.calls) == 1


async def test_the_callback_of_a_job_shows_it_as_it_ended(it: Scene) -> None:
    url = f"{it.receiver.url}/job"
    asked = await it.submit(image_base64=encoded(picture()), callback_url=url, metadata={"order": "17"})
    payload = await it.callback(asked.json()["id"])
    assert payload["type"] == "job.succeeded"
    shown = payload["data"]
    job = await it.ended(asked.json()["id"])
    assert shown["metadata"] == {"order": "17"}
    for name in ("id", "status", "attempts", "progress", "usage", "cost", "finished_at"):
        assert shown[name] == job[name], name
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["succeeded"]
    opened((await it.client.get(shown["output"]["url"])).content)


async def test_a_test_callback_says_what_came_of_it(it: Scene) -> None:
    answer = await it.client.post("/api/v1/callbacks/test", json={"url": f"{it.receiver.url}/test"})
    assert answer.status_code == httpx.codes.OK, answer.text
    assert answer.json()["state"] == "delivered"
    refused = await it.client.post("/api/v1/callbacks/test", json={"url": "http://10.0.0.1/"})
    assert refused.json()["code"] == "invalid_callback_url"


async def test_a_delivery_is_logged_and_can_be_repeated_with_the_same_id_and_bytes(it: Scene) -> None:
    job_id = await it.tool("/process-image-async-b64", image_base64=encoded(picture()))
    await it.callback(job_id)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await it.job(job_id))["callback"]["state"] != "delivered":
            await asyncio.sleep(0.02)
    log = (await it.client.get(f"/api/v1/jobs/{job_id}/deliveries")).json()
    delivery = (log["data"] if isinstance(log, dict) else log)[0]
    assert it.receiver.url not in str(delivery) or "/callback" not in str(delivery), "the URL is a capability"
    seen = it.receiver.count
    again = await it.client.post(f"/api/v1/deliveries/{delivery['id']}/redeliver")
    assert again.is_success, again.text
    await it.receiver.visited(seen + 1)
    first, second = it.visits(job_id)
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery["id"]
    assert first.body == second.body


async def test_metrics_and_logs_tell_of_it_without_secrets(it: Scene) -> None:
    text = await it.metrics()
    for name in (
        "afterimage_jobs_finished_total{",
        "afterimage_provider_call_seconds",
        'afterimage_storage_operation_seconds_count{operation="put"',
        "afterimage_callback_attempt_seconds",
        "afterimage_work_waiting",
        "afterimage_event_loop_lag_seconds",
    ):
        assert name in text, name
    log = it.log
    assert "job_id" in log
    for secret in ("sk-test", "whsec_", f"{it.receiver.url}/callback", "signature="):
        assert secret not in log, secret
