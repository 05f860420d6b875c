"""The command line. Commands import what they need when they run, so that asking for help is quick."""

from __future__ import annotations

import click

from service.cli.check import check
from service.cli.listen import listen
from service.cli.maintenance import migrate, openapi, secret
from service.cli.serve import serve, worker


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="afterimage", message="%(package)s %(version)s")
def main() -> None:
    """Afterimage edits pictures for AI agents: accepted at once, done for certain, called back signed.

    It is configured by environment variables, see CONFIGURATION.md.
    """


for _command in (serve, worker, migrate, check, listen, secret, openapi):
    main.add_command(_command)
