"""A real browser: Chromium as Debian packs it, driven by playwright, with pages that must not complain."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from tests.patience import PATIENCE_SECONDS

_EXPECTED = re.compile(
    r"Failed to load resource: "
    r"(the server responded with a status of (401|422)|net::ERR_(CONNECTION|INCOMPLETE|EMPTY)_)"
)
"""The browser's own remarks on what the page deals with: what was refused, and a service that is away."""


class Browsing:
    """A running browser."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @asynccontextmanager
    async def open(self, url: str, **profile: Any) -> AsyncIterator[Page]:
        """A page in a profile of its own; `profile` is, for example, its ``viewport`` or ``color_scheme``.

        At the end there must have been no error and no warning, such as of what its content policy forbids.
        """
        complaints: list[str] = []

        def hear(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"} and not _EXPECTED.match(message.text):
                complaints.append(message.text)

        context = await self._browser.new_context(**profile)
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        context.on("console", hear)
        context.on("weberror", lambda thrown: complaints.append(str(thrown.error)))
        page = await context.new_page()
        await page.goto(url)
        yield page
        await context.close()
        assert complaints == []


@asynccontextmanager
async def chromium() -> AsyncIterator[Browsing]:
    """A browser without a window; its sandbox does not work for root, as which containers run tests."""
    executable = shutil.which("chromium-headless-shell")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox"], timeout=PATIENCE_SECONDS * 1000
        )
        yield Browsing(browser)
        await browser.close()
