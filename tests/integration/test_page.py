"""The page at ``/``, used by somebody with a real browser."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.integration.scene import Scene, encoded, opened, picture, scene
from tests.patience import PATIENCE_SECONDS
from tests.servers.browser import Browsing, chromium
from tests.servers.images_replies import Reply
from tests.servers.pictures import PictureServer
from tests.servers.relay import Relay
from tests.servers.s3 import S3Server
from tests.servers.s3_targets import variables_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "alice-key-0123456789"
PICTURE = {"name": "cup.png", "mimeType": "image/png", "buffer": picture()}


@dataclass(frozen=True, slots=True)
class Desk:
    """A browser, a service that anybody may use, and one that wants a key and keeps its pictures in a bucket."""

    browsing: Browsing
    free: Scene
    keyed: Scene


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    async with AsyncExitStack() as stack:
        store = stack.enter_context(S3Server(buckets=("pictures-in", "pictures-out")))
        variables = {"AFTERIMAGE_API_KEYS": f"alice:{KEY}", **variables_of(store)}
        free, keyed, browsing = await asyncio.gather(
            stack.enter_async_context(scene(tmp_path_factory.mktemp("free"))),
            stack.enter_async_context(scene(tmp_path_factory.mktemp("keyed"), **variables)),
            stack.enter_async_context(chromium()),
        )
        yield Desk(browsing, free, keyed)


async def send(page: Page, prompt: str = "Make it orange") -> None:
    await page.get_by_label("Choose a picture").set_input_files(PICTURE)
    await page.get_by_label("Prompt").fill(prompt)
    await page.get_by_role("button", name="Send").click()


async def widths(page: Page) -> list[int]:
    """The widths of the pictures that are shown, once they have been loaded."""
    loaded = "image => image.decode().then(() => image.naturalWidth)"
    found: list[int] = await page.locator("figure img").evaluate_all(f"all => Promise.all(all.map({loaded}))")
    return found


async def ended(page: Page, state: str) -> None:
    await expect(page.locator("#viewer-job .badge").first).to_have_text(state)


async def test_a_picture_is_sent_followed_and_shown_beside_its_source(desk: Desk) -> None:
    desk.free.images.script(always=Reply())
    async with desk.browsing.open(desk.free.service.url) as page:
        await expect(page.locator("#readiness")).to_have_text("ready")
        await page.get_by_text("Parameters and callback").click()
        await page.get_by_label("Output format").select_option("webp")
        await page.get_by_label("Target width").fill("60")
        await page.get_by_label("Callback URL").fill(f"{desk.free.receiver.url}/callback")
        await send(page)
        await ended(page, "succeeded")

        await expect(page.locator(".steps li")).to_have_text(["queued", "running", "succeeded"])
        assert await widths(page) == [120, 60]
        facts = page.locator("#viewer-job .facts")
        await expect(facts).to_contain_text("provider openai")
        await expect(facts).to_contain_text("40, image/webp")
        await expect(facts).to_contain_text("about $")
        await expect(facts).to_contain_text("delivered, 1 attempt, last answered 200")

        async with page.expect_download() as download:
            await page.locator("#viewer-job").get_by_role("link", name=re.compile("^Download")).click()
        saved = await (await download.value).path()
        assert opened(saved.read_bytes()).size == (60, 40)


async def test_what_is_wrong_is_said_at_its_field(desk: Desk) -> None:
    async with desk.browsing.open(desk.free.service.url) as page:
        await page.get_by_label("Size", exact=True).evaluate("input => input.value = 'huge'")
        await page.get_by_role("button", name="Send").click()
        prompt = page.get_by_label("Prompt")
        await expect(prompt).to_have_attribute("aria-invalid", "true")
        await expect(prompt).to_be_focused()
        await expect(prompt).to_have_accessible_description("String should have at least 1 character.")
        await expect(page.get_by_role("alert").filter(has_text="see what is marked")).to_be_visible()

        await prompt.fill("Make it orange")
        await page.get_by_role("button", name="Send").click()
        file = page.locator("#file")
        await expect(file).to_be_focused()
        await expect(file).to_have_accessible_description(re.compile("Give exactly one of"))
        await expect(prompt).not_to_have_attribute("aria-invalid", "true")

        await send(page)
        size = page.get_by_label("Size", exact=True)
        await expect(size).to_be_focused()
        await expect(size).to_have_accessible_description(re.compile("should match pattern"))
        await size.fill("auto")
        await page.get_by_role("button", name="Send").click()
        await ended(page, "succeeded")
        await expect(page.locator(".field-error")).to_have_count(0)


async def test_a_fallback_and_a_failure_are_called_so(desk: Desk) -> None:
    async with desk.browsing.open(desk.free.service.url) as page:
        desk.free.images.script("cut")
        await send(page, "Make it <b>black</b> and white")
        await ended(page, "succeeded")
        shown = page.locator("#viewer-job")
        await expect(shown.locator(".badge.fallback")).to_be_visible()
        await expect(shown).to_contain_text("Made locally as a fallback. openai could not")
        await expect(shown).to_contain_text("the local fallback")
        await expect(shown).to_contain_text("it may have been charged")
        await expect(shown).to_contain_text("After, by the local fallback")

        desk.free.images.script("moderated")
        await page.get_by_role("button", name="Send").click()
        await ended(page, "failed")
        await expect(shown).to_contain_text("It failed.")
        await expect(shown).to_contain_text("moderation_blocked")


async def test_a_job_is_canceled_and_done_again(desk: Desk) -> None:
    async with desk.browsing.open(desk.free.service.url) as page:
        desk.free.images.script("hang")
        await send(page)
        await ended(page, "running")
        row = page.locator("#jobs > li").first
        cancel = row.get_by_role("button", name=re.compile("^Cancel"))
        await cancel.focus()
        await page.keyboard.press("Enter")
        await ended(page, "canceled")
        await expect(row).to_contain_text("canceled")
        await expect(row.get_by_role("link").first).to_be_focused()

        desk.free.images.script()
        await page.locator("#viewer-job").get_by_role("button", name=re.compile("^Retry")).click()
        await ended(page, "succeeded")


async def test_a_job_is_followed_over_a_tunnel_that_is_cut(desk: Desk) -> None:
    desk.free.images.script("hang", always=Reply())
    steps = ".steps li"
    url = httpx.URL(desk.free.service.url)
    async with Relay(url.port or 0) as tunnel, desk.browsing.open(tunnel.url) as page:
        await send(page)
        await expect(page.locator(steps)).to_have_text(["queued", "running"])
        await tunnel.cut()
        job_id = page.url.partition("#")[2]
        await desk.free.client.post(f"/api/v1/jobs/{job_id}/cancel")
        await expect(page.locator(steps)).to_have_text(["queued", "running", "canceled"])

        await page.get_by_role("button", name="Send").click()
        await ended(page, "succeeded")
        assert await widths(page) == [120, 120], "the link leads through the tunnel, too"


async def test_a_batch_is_counted_and_its_report_is_at_hand(desk: Desk) -> None:
    folder = desk.free.service.data_dir / "storage/pictures/shop"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(picture(20 + number, 10))
    (folder / "broken.png").write_bytes(picture()[:-60])
    desk.free.images.script(always=Reply())
    job_id = await desk.free.tool("/batch-process-images", prefix="shop/")
    async with desk.browsing.open(f"{desk.free.service.url}/#{job_id}") as page:
        await ended(page, "partially succeeded")
        row = page.locator("#jobs > li").first
        for where in (row, page.locator("#viewer-job")):
            await expect(where).to_contain_text("4 of 4 pictures · 3 done · 1 failed")
            await expect(where.get_by_role("button", name=re.compile("^Retry"))).to_be_visible()
        async with page.expect_download() as download:
            await row.get_by_role("link", name=re.compile("^Report")).click()
        saved = await (await download.value).path()
        assert {part["TaskExecutionStatus"] for part in json.loads(saved.read_text())["Results"]}


async def test_jobs_are_paged_and_chosen_by_their_state(desk: Desk) -> None:
    desk.free.images.script("moderated", always=Reply())
    first = (await desk.free.submit(image_base64=encoded(picture()))).json()["id"]
    assert (await desk.free.ended(first))["status"] == "failed"
    *_, last = [(await desk.free.submit(image_base64=encoded(picture()))).json()["id"] for _ in range(10)]
    async with desk.browsing.open(desk.free.service.url) as page:
        rows = page.locator("#jobs > li")
        await expect(rows).to_have_count(10)
        await expect(rows.locator(f'[href="#{last}"]')).to_be_visible()
        await page.get_by_role("button", name="Older").click()
        await expect(rows.locator(f'[href="#{first}"]')).to_be_visible()
        await page.get_by_role("button", name="Newer").click()
        await expect(rows.locator(f'[href="#{last}"]')).to_be_visible()

        state = page.get_by_label("State")
        await state.focus()
        await state.select_option("failed")
        await expect(rows.locator(f'[href="#{last}"]')).to_have_count(0)
        assert set(await rows.locator(".badge").all_inner_texts()) == {"failed"}
        await expect(state).to_be_focused()


async def test_a_picture_is_dropped_pasted_or_named_by_its_address(desk: Desk) -> None:
    desk.free.images.script(always=Reply())
    carried = """base64 => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([Uint8Array.from(atob(base64), c => c.charCodeAt(0))], "carried.png"));
        return transfer;
    }"""
    async with desk.browsing.open(desk.free.service.url) as page, PictureServer(picture(90, 60)) as shop:
        preview, hint = page.locator("#preview"), page.locator("#picture-hint")
        transfer = await page.evaluate_handle(carried, encoded(picture()))
        await page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
        await expect(hint).to_have_text("carried.png, 1 kB")
        await expect(preview).to_be_visible()

        address = page.get_by_label("or its address")
        await address.fill(shop.link("good", "front.png"))
        await expect(preview).to_be_hidden()
        await page.get_by_label("Prompt").fill("Make it orange")
        await page.get_by_role("button", name="Send").click()
        await ended(page, "succeeded")
        assert await page.locator("figcaption").all_inner_texts() == ["After"]

        paste = "(at, clipboardData) => at.dispatchEvent(new ClipboardEvent('paste', {bubbles: true, clipboardData}))"
        await address.evaluate(paste, transfer)
        await expect(address).to_have_value("")
        await page.get_by_role("button", name="Send").click()
        await expect(page.locator("figcaption")).to_have_text(["Before", "After"])


async def test_only_a_right_key_opens_the_page_and_it_stays_in_its_tab(desk: Desk) -> None:
    async with desk.browsing.open(desk.keyed.service.url) as page:
        key = page.get_by_role("textbox", name="API key")
        await expect(key).to_be_visible()
        await expect(page.locator("#readiness")).to_have_text("ready")
        await expect(page.get_by_role("heading", name="Try it")).to_be_hidden()
        await expect(page.get_by_role("heading", name="Providers")).to_have_count(0)

        await key.fill("mallory")
        await page.keyboard.press("Enter")
        await expect(key).to_be_focused()
        await expect(page.get_by_role("alert").filter(has_text="This API key is not known.")).to_be_visible()

        await key.fill(KEY)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Providers")).to_be_visible()
        await send(page)
        await ended(page, "succeeded")
        assert await widths(page) == [120, 120]
        assert KEY not in page.url
        assert await page.evaluate("[localStorage.length, document.cookie]") == [0, ""]

        await page.reload()
        await ended(page, "succeeded")
        other = await page.context.new_page()
        await other.goto(desk.keyed.service.url)
        await expect(other.get_by_role("textbox", name="API key")).to_be_visible()

        await page.get_by_role("button", name="Forget it").click()
        await expect(key).to_be_focused()
        await expect(page.locator("#open")).to_be_hidden()
        assert await page.evaluate("sessionStorage.length") == 0
    assert KEY not in desk.keyed.service.log


async def test_everything_is_reached_by_the_keyboard(desk: Desk) -> None:
    async with desk.browsing.open(desk.free.service.url) as page:
        await expect(page.get_by_role("button", name="Send")).to_be_visible()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("main")).to_be_focused()
        reached = []
        for _ in range(9):
            await page.keyboard.press("Tab")
            reached.append(await page.evaluate("document.activeElement.id || document.activeElement.parentElement.id"))
        assert reached[:7] == ["file", "image-url", "prompt", "operation", "provider", "more", "send"]


async def test_it_is_accessible_and_fits_a_small_screen(desk: Desk) -> None:
    desk.free.images.script("cut")
    async with desk.browsing.open(desk.free.service.url, viewport={"width": 320, "height": 640}) as page:
        await page.get_by_text("Parameters and callback").click()
        await page.get_by_role("button", name="Send").click()
        await expect(page.locator(".field-error").first).to_be_visible()
        found = await Axe().run(page)
        assert found.violations_count == 0, found.generate_report()

        await send(page)
        await ended(page, "succeeded")
        assert await page.evaluate("document.documentElement.scrollWidth") == 320
        await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        found = await Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


async def test_the_page_about_the_api_shows_every_route_and_loads_nothing_from_elsewhere(desk: Desk) -> None:
    async with httpx.AsyncClient() as client:
        document = (await client.get(f"{desk.free.service.url}/openapi.json")).json()
    loaded: list[str] = []
    async with desk.browsing.open("about:blank") as page:
        page.on("request", lambda request: loaded.append(request.url))
        await page.goto(f"{desk.free.service.url}/docs")
        await expect(page.locator(".opblock")).to_have_count(sum(map(len, document["paths"].values())))
    assert len(loaded) > 3
    assert all(url.startswith((f"{desk.free.service.url}/", "data:")) for url in loaded)
