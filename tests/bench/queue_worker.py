"""A process that works off short jobs: with the service's engine and ledger, or as a plain Procrastinate worker."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import click
import uvloop
from procrastinate import App, PsycopgConnector
from psycopg_pool import AsyncConnectionPool

from service.domain.jobs import Ending, JobStatus, Progress
from service.domain.work import Work, WorkKind
from service.engine.procrastinate import ProcrastinateEngine
from service.engine.queue import Queue
from service.ledger.ledger import SqlLedger
from service.ledger.postgres import PostgresDatabase
from service.ledger.postgres_connections import connection_parameters

PLAIN = "plain"
"""What the task of the plain worker, and its queue, are called."""

_LEDGER_CONNECTIONS = 10  # as the service has them by default
_QUEUE_CONNECTIONS = 4
_KEPT = timedelta(hours=24)

# Moments are microseconds since 1970 in the ledger.
_BEGIN = "UPDATE jobs SET status = 'running', run = run + 1, started_at = %(now)s WHERE id = %(job_id)s"
_END = """UPDATE jobs SET status = 'succeeded', succeeded = 1, finished_at = %(now)s, expires_at = %(now)s + 86400000000
WHERE id = %(job_id)s"""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def plain_app(url: str) -> App:
    """Procrastinate as its documentation sets it up, not opened."""
    return App(connector=PsycopgConnector(conninfo=url, min_size=1, max_size=_QUEUE_CONNECTIONS))


async def _serve_service(url: str, concurrency: int) -> None:
    clock = SystemClock()
    database = PostgresDatabase(url, connections=_LEDGER_CONNECTIONS)
    queue = Queue(connection_parameters(url), connections=_QUEUE_CONNECTIONS)
    await queue.open()
    engine = ProcrastinateEngine(queue=queue, clock=clock, concurrency={WorkKind.JOB: concurrency})
    ledger = SqlLedger(database, queue=engine)

    async def handle(work: Work) -> None:
        job = await ledger.begin(work.ref, now=clock.now(), work=work)
        assert job is not None
        now = clock.now()
        ending = Ending(
            status=JobStatus.SUCCEEDED,
            finished_at=now,
            expires_at=now + _KEPT,
            progress=Progress(succeeded=1),
        )
        await ledger.finish(job, ending, None)

    await engine.start({WorkKind.JOB: handle})
    click.echo("ready")
    await asyncio.Event().wait()


async def _serve_plain(url: str, concurrency: int) -> None:
    app = plain_app(url)
    pool = AsyncConnectionPool(url, kwargs={"autocommit": True}, max_size=_LEDGER_CONNECTIONS, open=False)

    @app.task(name=PLAIN, queue=PLAIN)
    async def plain(job_id: str) -> None:
        for statement in (_BEGIN, _END):
            async with pool.connection() as connection:
                await connection.execute(statement, {"now": time.time_ns() // 1000, "job_id": job_id})

    async with app.open_async(), pool:
        click.echo("ready")
        await app.run_worker_async(queues=[PLAIN], concurrency=concurrency, delete_jobs="successful")


@click.command()
@click.option("--kind", type=click.Choice(["service", PLAIN]), required=True)
@click.option("--url", required=True)
@click.option("--concurrency", type=int, required=True)
def main(kind: str, url: str, concurrency: int) -> None:
    """Work until killed; a line is printed once it is about to look for work."""
    serve = _serve_plain if kind == PLAIN else _serve_service
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(url, concurrency))


if __name__ == "__main__":
    main()
