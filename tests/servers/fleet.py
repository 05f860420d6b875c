"""The service as several real processes that share a Postgres database and a folder."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

from service.engine.queue_schema import migrate_queue
from service.ledger.migration import migrate_postgres
from tests.servers.processes import WebProcess, free_port
from tests.servers.service import LOOPBACK_RECEIVERS


class Fleet:
    """Makes processes that work together; each is a context manager, and may be killed or stopped at will.

    Args:
        folder: Where their one data folder and their logs are.
        url: The database that they share.
        env: Variables of all of them, on top of defaults that let them call loopback receivers.
    """

    def __init__(self, folder: Path, url: str, env: Mapping[str, str]) -> None:
        self._folder = folder
        self._url = url
        self._env = env
        self._count = 0

    async def migrate(self) -> None:
        """Bring the database to the schema of this version."""
        await asyncio.to_thread(migrate_postgres, self._url, migrate_queue)

    def api(self, **env: str) -> WebProcess:
        """A process that accepts jobs and works on none."""
        return self._process("serve", env)

    def worker(self, **env: str) -> WebProcess:
        """A process that works and accepts nothing."""
        return self._process("worker", env)

    def _process(self, command: str, env: Mapping[str, str]) -> WebProcess:
        self._count += 1
        port = free_port()
        return WebProcess(
            [str(Path(sys.executable).with_name("afterimage")), command, "--port", str(port)],
            port=port,
            ready_path="/api/v1/health/ready",
            env={
                "AFTERIMAGE_DATABASE_URL": self._url,
                "AFTERIMAGE_DATA_DIR": str(self._folder / "data"),
                "AFTERIMAGE_DATA_DIR_SHARED": "true",
                **LOOPBACK_RECEIVERS,
                **self._env,
                **env,
            },
            cwd=self._folder,
            log=self._folder / f"{command}-{self._count}.log",
        )
