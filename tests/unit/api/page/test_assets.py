"""The files of the page."""

from __future__ import annotations

import re

from service.api.page.assets import load_assets

ASSETS = load_assets()
PAGE = ASSETS["index.html"].content.decode()
MODULES = {name: asset.content.decode() for name, asset in ASSETS.items() if name.endswith(".js")}


def test_the_etag_follows_the_content() -> None:
    assert load_assets() == ASSETS
    assert len({asset.etag for asset in ASSETS.values()}) == len(ASSETS)
    assert all(re.fullmatch(r'"[0-9a-f]{32}"', asset.etag) for asset in ASSETS.values())


def test_scripts_and_styles_are_files_of_their_own() -> None:
    assert not re.search(r"<style|<script(?![^>]* src=)|\s(?:style|on[a-z]+)=", PAGE)


def test_nothing_is_fetched_from_elsewhere() -> None:
    for name, asset in ASSETS.items():
        addresses = set(re.findall(rb"(?:https?:)?//[\w.-]+\.\w+", asset.content))
        assert addresses <= {b"http://www.w3.org"}, name  # the name of SVG's namespace


def test_text_is_never_parsed_as_html() -> None:
    for name, text in MODULES.items():
        assert not re.search(r"\w+HTML\b|document\.write|\beval\(|new Function", text), name


def test_every_module_is_announced_so_that_all_are_fetched_at_once() -> None:
    announced = set(re.findall(r'"modulepreload" href="page/([^"]+)"', PAGE))
    assert announced == MODULES.keys() - {"main.js"}


def test_modules_are_small() -> None:
    assert max(text.count("\n") for text in MODULES.values()) <= 150
