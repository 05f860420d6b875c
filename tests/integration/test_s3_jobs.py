"""Jobs on a store that checks every signature."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.integration.scene import OpenScene, Scene, encoded, opened, picture
from tests.servers.s3 import S3Server
from tests.servers.s3_targets import target_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def store() -> object:
    with S3Server(buckets=("pictures-in", "pictures-out")) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(store: S3Server, tmp_path_factory: pytest.TempPathFactory, open_scene: OpenScene) -> AsyncIterator[Scene]:
    target = target_of(store)
    variables = {
        "COS_ENDPOINT": target.endpoint,
        "COS_REGION": target.region,
        "COS_ACCESS_KEY_ID": target.access_key_id.get_secret_value(),
        "COS_SECRET_ACCESS_KEY": target.secret_access_key.get_secret_value(),
        "COS_INPUT_BUCKET": target.input_bucket,
        "COS_OUTPUT_BUCKET": target.output_bucket,
        "COS_OUTPUT_PREFIX": "results/batch",
    }
    async with open_scene(tmp_path_factory.mktemp("scene"), **variables) as running:
        yield running


async def test_a_picture_of_the_bucket_comes_back_under_a_presigned_link(it: Scene, store: S3Server) -> None:
    uploaded = await it.callback(await it.tool(image_base64=encoded(picture()), filename="cat.png"))
    assert uploaded["object_key"].startswith("results/batch/")
    answer = await it.client.get(uploaded["result_url"])
    assert answer.status_code == httpx.codes.OK
    assert opened(answer.content).format == "PNG"
    assert answer.headers["content-disposition"].startswith("attachment")
    tampered = uploaded["result_url"].replace("cat_modified", "dog_modified")
    assert (await it.client.get(tampered)).status_code == httpx.codes.FORBIDDEN

    bucket = (await it.client.get("/cos/config")).json()["output_bucket"]
    again = await it.callback(await it.tool(object_key=uploaded["object_key"], bucket=bucket))
    assert again["status"] == "completed"
    assert again["source"] == "provider"


async def test_base64_is_read_from_the_store_when_it_is_delivered(it: Scene) -> None:
    payload = await it.callback(await it.tool("/process-image-async-b64", image_base64=encoded(picture())))
    assert payload["status"] == "completed"
    assert payload["result_mime_type"] == "image/png"


async def test_configuration_is_shown_without_secrets(it: Scene, store: S3Server) -> None:
    shown = (await it.client.get("/cos/config")).text
    target = target_of(store)
    assert target.endpoint in shown
    assert target.secret_access_key.get_secret_value() not in shown
    assert target.access_key_id.get_secret_value() not in shown
