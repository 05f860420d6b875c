"""``afterimage check``."""

from __future__ import annotations

import asyncio

import click

from service.cli.configured import configured
from service.cli.refusals import refusals_told

_NAME_WIDTH = 40
_FAULT = 1


@click.command()
def check() -> None:
    """Show the configuration in force and whether database, storage and provider answer.

    Secrets are masked. Exits with 1 when something does not answer, with 2 when the configuration is faulty.
    """
    settings = configured()
    from service.bootstrap import serving
    from service.config.shown import effective_values

    for value in effective_values(settings):
        click.echo(f"{value.variable:{_NAME_WIDTH}} {value.text or '-'}{'' if value.given else '  (default)'}")
    click.echo()
    with refusals_told():
        findings = asyncio.run(serving.check(settings))
    for name, ok, detail in findings:
        state = click.style("ok", fg="green") if ok else click.style("FAULT", fg="red")
        click.echo(f"{name:{_NAME_WIDTH}} {state}{f': {detail}' if detail else ''}")
    if not all(ok for _, ok, _ in findings):
        raise SystemExit(_FAULT)
