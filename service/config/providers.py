"""Who edits pictures, and how patiently they are asked."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, FilePath
from pydantic_settings import SettingsConfigDict

from service.config.formats import HttpURL, Names, Secret
from service.config.group import DefaultWords, Expects, Group


class OpenAISettings(Group):
    """OpenAI's Images API, or a server that speaks it."""

    model_config = SettingsConfigDict(env_prefix="OPENAI_")
    title: ClassVar[str] = "OpenAI"

    api_key: Annotated[
        Secret | None,
        Field(description="The key of the account that pays. Without it the local provider edits.", examples=["sk-…"]),
    ] = None
    base_url: Annotated[
        HttpURL,
        Field(description="Where the Images API is.", examples=["http://127.0.0.1:9100/v1"]),
    ] = "https://api.openai.com/v1"
    image_model: Annotated[
        Names,
        Field(
            min_length=1,
            description="The models to ask, in order: the next one is asked when one has been retired.",
            examples=["gpt-image-2,gpt-image-1.5"],
        ),
    ] = ("gpt-image-2",)
    image_quality: Annotated[
        Literal["auto", "low", "medium", "high", "xhigh", "max"] | None,
        Field(description="The effort of the model where a request does not say.", examples=["medium"]),
        DefaultWords("the model's own"),
    ] = None
    image_output_format: Annotated[
        Literal["png", "jpeg", "webp"],
        Field(description="The format of outputs where a request does not say.", examples=["webp"]),
    ] = "png"
    image_prices_file: Annotated[
        FilePath | None,
        Field(
            description="A JSON file with prices that replace the shipped ones, from which costs are estimated.",
            examples=["/etc/afterimage/prices.json"],
        ),
        Expects("a file that is there"),
        DefaultWords("the shipped prices"),
    ] = None


class ProviderSettings(Group):
    """How providers are asked."""

    model_config = SettingsConfigDict(env_prefix="AFTERIMAGE_")
    title: ClassVar[str] = "Asking providers"

    provider_timeout_seconds: Annotated[
        float, Field(gt=0, le=3600, description="How long a provider may take for one answer.", examples=["120"])
    ] = 300
    provider_max_attempts: Annotated[
        int, Field(ge=1, le=100, description="How often a job asks a provider at most.", examples=["3"])
    ] = 5
    provider_concurrency: Annotated[
        int,
        Field(
            ge=1,
            le=10_000,
            description="Calls to one provider at a time, from all processes on one database together. Lowered by "
            "itself while the provider limits the rate.",
            examples=["16"],
        ),
    ] = 64
    provider_calls_per_minute: Annotated[
        int | None,
        Field(
            ge=1,
            le=1_000_000,
            description="Calls to one provider that start within any minute, from all processes on one database "
            "together: what your account's tier allows.",
            examples=["250"],
        ),
        DefaultWords("as many as the provider takes"),
    ] = None
    tenant_concurrency: Annotated[
        int | None,
        Field(
            ge=1,
            le=10_000,
            description="Calls of one tenant to one provider at a time, from all processes on one database together, "
            "so that nobody's batch takes all of `AFTERIMAGE_PROVIDER_CONCURRENCY`.",
            examples=["16"],
        ),
        DefaultWords("no limit of its own"),
    ] = None
    circuit_open_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=86_400,
            description="How long a provider is not asked after it refused for want of money; then one call tries.",
            examples=["600"],
        ),
    ] = 300
