"""The configuration as commands read it: from the environment, from .env, and from their own options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from service.config.settings import Settings

FAULTY_CONFIGURATION = 2
"""The exit status after a faulty configuration, the same as after wrong usage."""


def configured(**overrides: str | int | None) -> Settings:
    """The settings; `overrides` are variables that an option replaces, None where it was not given.

    Prints every fault and exits when the configuration is faulty.
    """
    from service.config.faults import ConfigurationError
    from service.config.settings import load_settings

    given = {name: str(value) for name, value in overrides.items() if value is not None}
    try:
        return load_settings({**os.environ, **given}, env_file=Path(".env"))
    except ConfigurationError as error:
        click.echo(str(error), err=True)
        raise SystemExit(FAULTY_CONFIGURATION) from None
