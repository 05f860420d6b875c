"""``afterimage serve``."""

from __future__ import annotations

import click

from service.cli.configured import configured
from service.cli.refusals import refusals_told


@click.command()
@click.option("--host", help="Address to listen on, in place of AFTERIMAGE_HOST.")
@click.option("--port", type=int, help="Port to listen on, in place of AFTERIMAGE_PORT.")
@click.option(
    "--with-worker",
    is_flag=True,
    expose_value=False,
    help="Work jobs off in this process too; without a database server that is always so.",
)
def serve(host: str | None, port: int | None) -> None:
    """Accept jobs and work them off, until SIGTERM or Ctrl-C."""
    settings = configured(AFTERIMAGE_HOST=host, AFTERIMAGE_PORT=port)
    from service.bootstrap import serving

    with refusals_told():
        serving.serve(settings)
