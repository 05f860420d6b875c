"""How jobs are worked off, and what happens when a provider cannot do one."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from service.config.formats import comma_separated
from service.config.group import DefaultWords, Expects, Group

FallbackOn = Literal["auth", "model_unavailable", "empty_result"]


class JobSettings(Group):
    """How jobs are worked off."""

    model_config = SettingsConfigDict(env_prefix="AFTERIMAGE_")
    title: ClassVar[str] = "Jobs"

    worker_concurrency: Annotated[
        int, Field(ge=1, le=10_000, description="Jobs that run at a time, in each process.", examples=["1000"])
    ] = 64
    batch_concurrency: Annotated[
        int,
        Field(
            ge=1,
            le=10_000,
            description="Pictures of a batch in work at a time, where its request says nothing.",
            examples=["50"],
        ),
    ] = 16
    max_batch_concurrency: Annotated[
        int,
        Field(ge=1, le=10_000, description="The most that a batch gets, whatever its request says.", examples=["200"]),
    ] = 100
    delivery_concurrency: Annotated[
        int, Field(ge=1, le=10_000, description="Callbacks that are sent at a time, by each process.", examples=["200"])
    ] = 64
    max_queued_jobs: Annotated[
        int,
        Field(
            ge=1,
            le=10_000_000,
            description="Unfinished jobs that one tenant may have; more are answered 429.",
            examples=["100000"],
        ),
    ] = 10_000
    job_deadline_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=604_800,
            description="How long a job is tried, where its request sets no deadline: from its first call, or from its "
            "start while nobody may be asked.",
            examples=["3600"],
        ),
    ] = 900
    retry_interrupted: Annotated[
        int,
        Field(
            ge=0,
            le=100,
            description="How often a provider call that a crash interrupted may be made again; each may cost anew.",
            examples=["0"],
        ),
    ] = 3
    output_retention_hours: Annotated[
        float,
        Field(
            gt=0,
            le=876_000,
            description="Hours after the end of a job when its source and its output are removed.",
            examples=["24"],
        ),
    ] = 168


class FallbackSettings(Group):
    """What happens when a provider cannot do a job."""

    model_config = SettingsConfigDict(env_prefix="AFTERIMAGE_")
    title: ClassVar[str] = "Fallback"

    fallback: Annotated[
        Literal["local", "off"],
        Field(
            description="`local`: the picture is edited locally and labelled; `off`: the job fails. A refusal by a "
            "provider's content policy always fails.",
            examples=["off"],
        ),
    ] = "local"
    fallback_label: Annotated[
        str,
        Field(
            max_length=200,
            description="The text drawn into a picture of the fallback; `{reason}` stands for why.",
            examples=["Placeholder ({reason})"],
        ),
        Expects("a text of at most 200 characters with {reason} in it"),
    ] = "Local fallback, not the model's work: {reason}"
    fallback_on: Annotated[
        tuple[FallbackOn, ...],
        comma_separated,
        Field(
            description="Failures that fall back too although somebody should look at them.",
            examples=["auth,model_unavailable"],
        ),
        Expects("some of auth, model_unavailable, empty_result, separated by commas"),
        DefaultWords("none: such a job fails"),
    ] = ()

    @field_validator("fallback_label")
    @classmethod
    def _names_the_reason(cls, label: str) -> str:
        if "{reason}" not in label:
            raise ValueError("does not say where the reason stands")
        return label
