"""``afterimage listen``: a receiver of callbacks for people."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import click

from service.cli.configured import configured
from service.cli.refusals import refusals_told


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=9000, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    help="Secret that callbacks are signed with, instead of the service's own; repeatable.",
)
@click.option("--output-dir", type=click.Path(file_okay=False, path_type=Path), help="Folder to save the pictures in.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many callbacks.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    help="End after so many seconds; a failure when --count was not reached.",
)
def listen(
    *, host: str, port: int, secrets: tuple[str, ...], output_dir: Path | None, count: int | None, timeout: float | None
) -> None:
    """Receive callbacks, verify their signatures and print them.

    A callback whose signature does not match is answered 401 and not counted, nor is one that came before.
    """
    checked = _checked(secrets) if secrets else _own_secrets()
    from service.cli.listener import Listener
    from service.cli.pictures import Pictures

    try:
        server = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}") from None
    listener = Listener(secrets=checked, pictures=Pictures(output_dir) if output_dir else None, echo=click.echo)
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"listening on http://{shown}:{server.getsockname()[1]}")
    if not asyncio.run(listener.run(server, count=count, timeout_seconds=timeout)):
        raise click.ClickException(f"fewer than {count} callbacks within {timeout:g} s")


def _checked(secrets: tuple[str, ...]) -> tuple[str, ...]:
    from service.callbacks.signing import secret_key

    for secret in secrets:
        try:
            secret_key(secret)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--secret") from None
    return secrets


def _own_secrets() -> tuple[str, ...]:
    """What the service on this machine signs with."""
    settings = configured()
    from service.bootstrap.secrets import signing_secrets

    with refusals_told():
        return signing_secrets(settings)
