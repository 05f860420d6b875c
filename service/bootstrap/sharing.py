"""What the processes on one database must have in common."""

from __future__ import annotations

from collections.abc import Iterator

from service.config.faults import ConfigurationError, VariableFault
from service.config.settings import Settings

_WHY = "is missing although all processes on one Postgres database must have the same"


def check_shared(settings: Settings) -> None:
    """Make sure that no process of a fleet has pictures, secrets or links of its own.

    Raises:
        ConfigurationError: one would.
    """
    if settings.database.postgres_url is not None and (faults := tuple(_missing(settings))):
        raise ConfigurationError(faults)


def _missing(settings: Settings) -> Iterator[VariableFault]:
    if "public_url" not in settings.server.model_fields_set:
        yield VariableFault("AFTERIMAGE_PUBLIC_URL", f"{_WHY}; expected the URL under which callers reach the service")
    if settings.database.data_dir_shared:
        return
    if settings.store is None:
        yield VariableFault(
            "COS_ENDPOINT",
            f"{_WHY}; expected a store, COS_… or R2_…, or AFTERIMAGE_DATA_DIR_SHARED=true where the data folder is on "
            "a file system that they share",
        )
    if not settings.access.signing_secrets:
        yield VariableFault("AFTERIMAGE_SIGNING_SECRETS", f"{_WHY}; expected what `afterimage secret` prints")
