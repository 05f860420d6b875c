"""The short commands of operators and contributors: ``migrate``, ``secret`` and ``openapi``."""

from __future__ import annotations

from pathlib import Path

import click

from service.cli.configured import configured
from service.cli.refusals import refusals_told


@click.command()
def migrate() -> None:
    """Bring the database to the schema of this version; does nothing where it has it already."""
    settings = configured().database
    from service.bootstrap.databases import migrate_database

    with refusals_told():
        name = migrate_database(settings)
    click.echo(f"{name} has the schema of this version")


@click.command()
def secret() -> None:
    """Print a new secret to sign callbacks with."""
    from service.callbacks.signing import new_secret

    click.echo(new_secret())


@click.command()
@click.option("--write", "mode", flag_value="write", help="Write the files.")
@click.option("--check", "mode", flag_value="check", help="Fail when a file is not up to date.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), default=Path("openapi"), show_default=True)
def openapi(mode: str | None, folder: Path) -> None:
    """Write the OpenAPI documents, or check that they say what the code says."""
    from service.api import documents

    if mode is None:
        raise click.UsageError("Say --write or --check.")
    if mode == "write":
        documents.write(folder)
        return
    try:
        documents.check(folder)
    except documents.DriftError as error:
        raise click.ClickException(str(error)) from None
