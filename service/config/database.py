"""Where the service keeps what it knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from service.config.formats import Secret
from service.config.group import DefaultWords, Expects, Group

_SQLITE = "sqlite:///"


class DatabaseSettings(Group):
    """Where the service keeps what it knows."""

    model_config = SettingsConfigDict(env_prefix="AFTERIMAGE_")
    title: ClassVar[str] = "Data"

    data_dir: Annotated[
        Path,
        Field(
            description="The data folder: the database, the signing secret and, without a bucket, the pictures. One "
            "process at a time uses it.",
            examples=["/var/lib/afterimage"],
        ),
        Expects("a folder; it is made when it is not there"),
    ] = Path("afterimage-data")
    database_url: Annotated[
        Secret | None,
        Field(description="The database of jobs and callbacks.", examples=["sqlite:////var/lib/afterimage/jobs.db"]),
        DefaultWords("`afterimage.db` in the data folder"),
        Expects("sqlite:///FILE"),
    ] = None

    @field_validator("database_url")
    @classmethod
    def _is_sqlite(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        if text.startswith(("postgresql:", "postgresql+", "postgres:")):
            raise ValueError("this version has no engine for Postgres yet")
        if not text.startswith(_SQLITE) or text == _SQLITE:
            raise ValueError("is no database that the service knows")
        return url

    @property
    def database_file(self) -> Path:
        """The SQLite file."""
        if self.database_url is None:
            return self.data_dir / "afterimage.db"
        return Path(self.database_url.get_secret_value().removeprefix(_SQLITE))
