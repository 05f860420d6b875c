from __future__ import annotations

import pytest

from service.providers.local import LocalProvider
from service.providers.openai import OpenAIProvider
from service.providers.prices import Prices
from service.providers.registry import Registry


@pytest.fixture
def local() -> LocalProvider:
    return LocalProvider(imaging=None)  # never asked for a picture here


@pytest.fixture
def openai() -> OpenAIProvider:
    return OpenAIProvider(
        api_key="sk-test", base_url="http://127.0.0.1:9/v1", models=("gpt-image-2",), prices=Prices.load()
    )


def test_a_paid_provider_comes_before_the_local_one(local: LocalProvider, openai: OpenAIProvider) -> None:
    assert Registry([local, openai]).choose("edit", None) is openai
    assert Registry([openai, local]).choose("edit", None) is openai


def test_without_one_the_local_one_does_it(local: LocalProvider) -> None:
    assert Registry([local]).choose("edit", None) is local


def test_who_is_asked_for_by_name_does_it(local: LocalProvider, openai: OpenAIProvider) -> None:
    registry = Registry([openai, local])
    assert registry.choose("edit", "local") is local
    assert registry.choose("edit", "openai") is openai


def test_who_is_not_configured_is_named(local: LocalProvider) -> None:
    with pytest.raises(LookupError, match="no provider 'openai' for 'edit' is configured; there are: local"):
        Registry([local]).choose("edit", "openai")


def test_an_operation_that_nobody_can_do(local: LocalProvider) -> None:
    with pytest.raises(LookupError, match="no provider for 'sing'"):
        Registry([local]).choose("sing", None)


def test_providers_are_found_by_name_and_listed_in_order(local: LocalProvider, openai: OpenAIProvider) -> None:
    registry = Registry([openai, local])
    assert registry.get("local") is local
    assert registry.get("acme") is None
    assert [provider.name for provider in registry] == ["openai", "local"]
