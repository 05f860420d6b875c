"""Where the service keeps what it knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from service.config.formats import Secret
from service.config.group import DefaultWords, Expects, Group

_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgres://")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class DatabaseSettings(Group):
    """Where the service keeps what it knows."""

    model_config = SettingsConfigDict(env_prefix="AFTERIMAGE_")
    title: ClassVar[str] = "Data"

    data_dir: Annotated[
        Path,
        Field(
            description="The data folder: the database, the signing secret and, without a bucket, the pictures. One "
            "process at a time uses it, or with Postgres as many as share it.",
            examples=["/var/lib/afterimage"],
        ),
        Expects("a folder; it is made when it is not there"),
    ] = Path("afterimage-data")
    database_url: Annotated[
        Secret | None,
        Field(
            description="The database of jobs and callbacks: a file for one process, or a Postgres database, brought "
            "to the schema of this version by `afterimage migrate`, for many. What libpq takes after the `?` is "
            "taken here, such as `sslmode`.",
            examples=["postgresql://afterimage:secret@db.example.com/afterimage?sslmode=verify-full"],
        ),
        DefaultWords("`afterimage.db` in the data folder"),
        Expects("sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"),
    ] = None
    database_connections: Annotated[
        int,
        Field(
            ge=1,
            le=500,
            description="How many transactions a process runs on Postgres at a time, each on a connection that it "
            "keeps; it has up to 6 more for its queue and for announcements. Multiplied by the processes that must "
            "stay below the server's `max_connections`.",
            examples=["20"],
        ),
    ] = 10

    data_dir_shared: Annotated[
        bool,
        Field(
            description="With Postgres: that all processes have the same data folder, on a file system that they "
            "share. Then they may keep pictures and the signing secret there; otherwise they need a bucket and "
            "`AFTERIMAGE_SIGNING_SECRETS`.",
            examples=["true"],
        ),
    ] = False

    @field_validator("database_url")
    @classmethod
    def _is_known(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        if text.startswith(_POSTGRES):
            _check_postgres(text)
        elif not text.startswith(_SQLITE) or text == _SQLITE:
            scheme = _SCHEME.match(text)
            raise ValueError(f"{scheme.group() if scheme else 'this'} is no database that the service knows")
        return url

    @property
    def postgres_url(self) -> str | None:
        """The Postgres database as libpq takes it; None where SQLite is used."""
        text = self.database_url.get_secret_value() if self.database_url else ""
        return text if text.startswith(_POSTGRES) else None

    @property
    def database_file(self) -> Path:
        """The SQLite file, where `postgres_url` is None."""
        if self.database_url is None:
            return self.data_dir / "afterimage.db"
        return Path(self.database_url.get_secret_value().removeprefix(_SQLITE))


def _check_postgres(url: str) -> None:
    from psycopg import ProgrammingError  # who has no Postgres does not wait for its driver
    from psycopg.conninfo import conninfo_to_dict

    try:
        conninfo_to_dict(url)
    except ProgrammingError:  # its words may repeat a password
        raise ValueError("libpq cannot read it; special characters in a password are percent-encoded") from None
