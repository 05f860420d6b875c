"""What the processes on one database must have in common."""

from __future__ import annotations

from collections.abc import Iterator

from service.config.faults import ConfigurationError, VariableFault
from service.config.settings import Settings

_WHY = "is missing although all processes on one Postgres database must have the same"


def check_shared(settings: Settings) -> None:
    """Make sure that pictures and secrets are not in a data folder that only one of several processes has.

    Raises:
        ConfigurationError: they are, or would be.
    """
    if settings.database.postgres_url is None or settings.database.data_dir_shared:
        return
    if faults := tuple(_missing(settings)):
        raise ConfigurationError(faults)


def _missing(settings: Settings) -> Iterator[VariableFault]:
    if settings.store is None:
        yield VariableFault(
            "COS_ENDPOINT",
            f"{_WHY}; expected a store, COS_… or R2_…, or AFTERIMAGE_DATA_DIR_SHARED=true where the data folder is on "
            "a file system that they share",
        )
    if not settings.access.signing_secrets:
        yield VariableFault("AFTERIMAGE_SIGNING_SECRETS", f"{_WHY}; expected what `afterimage secret` prints")
