"""Why a command cannot do its work, in one line in place of a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def refusals_told() -> Iterator[None]:
    """Turn what an operator has to mend into a message and the exit status 1: a folder, a database, a store."""
    from service.config.faults import ConfigurationError
    from service.engine.lock import FolderInUseError
    from service.ports.ledger import LedgerUnavailableError
    from service.ports.storage import StorageError

    try:
        yield
    except (ConfigurationError, FolderInUseError, LedgerUnavailableError, StorageError, OSError) as error:
        raise click.ClickException(str(error)) from error
