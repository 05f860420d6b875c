"""``afterimage serve`` and ``afterimage worker``."""

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
    help="Work jobs off in this process too; without a database server that is always so.",
)
def serve(host: str | None, port: int | None, *, with_worker: bool) -> None:
    """Accept jobs, until SIGTERM or Ctrl-C; without a database server, or with --with-worker, work them off too."""
    settings = configured(AFTERIMAGE_HOST=host, AFTERIMAGE_PORT=port)
    from service.bootstrap import serving

    works = with_worker or settings.database.postgres_url is None
    with refusals_told():
        serving.serve(settings, serving.Role.BOTH if works else serving.Role.API)


@click.command()
@click.option("--host", help="Address to answer probes on, in place of AFTERIMAGE_HOST.")
@click.option("--port", type=int, help="Port to answer probes on, in place of AFTERIMAGE_WORKER_PORT.")
def worker(host: str | None, port: int | None) -> None:
    """Work off what any process has accepted, until SIGTERM or Ctrl-C; needs a Postgres database.

    What runs then may finish within AFTERIMAGE_SHUTDOWN_GRACE_SECONDS; what does not is left to the other workers.
    Answers /api/v1/health/live, /api/v1/health/ready and /metrics.
    """
    settings = configured(AFTERIMAGE_HOST=host, AFTERIMAGE_WORKER_PORT=port)
    if settings.database.postgres_url is None:
        raise click.ClickException(
            "a worker shares its work with other processes through AFTERIMAGE_DATABASE_URL=postgresql://…; "
            "without one `afterimage serve` works jobs off itself"
        )
    from service.bootstrap import serving

    with refusals_told():
        serving.serve(settings, serving.Role.WORKER)
