"""What holds for a process however it is deployed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from service.bootstrap import serving
from service.cli import main
from service.config.settings import Settings, load_settings
from service.engine import procrastinate
from tests.unit.deploy.files import VARIABLES, image_environment

_CLOSING_SECONDS = 10.0  # for all that is closed once nothing runs any more


def settings_of(environment: Mapping[str, str]) -> Settings:
    """The configuration of a container, which names nothing that the service does not know and has no fault."""
    assert not {name for name in environment if name not in VARIABLES}
    return load_settings(image_environment() | dict(environment))


def check_command(arguments: Sequence[str]) -> None:
    """The command line has this command, and the command these options."""
    name, *options = arguments
    main.commands[name].make_context(name, list(options))


def check_stopping(settings: Settings, command: str, *, pause_seconds: float, kill_seconds: float) -> None:
    """A process is not killed before it has stopped by itself, nor a worker before its provider has answered."""
    stopping = pause_seconds + serving._DRAIN_SECONDS + procrastinate._PUTTING_BACK_SECONDS + _CLOSING_SECONDS
    if command == "worker":
        stopping += settings.server.shutdown_grace_seconds
        assert settings.server.shutdown_grace_seconds > settings.provider.provider_timeout_seconds
    assert kill_seconds >= stopping


def most_connections(settings: Settings) -> int:
    """How many connections to Postgres one process may have, all that its variable tells of."""
    others = re.search(r"up to (\d+) more", settings.database.variables()["database_connections"].meaning)
    assert others is not None
    return settings.database.database_connections + int(others[1])
