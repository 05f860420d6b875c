"""The service as several real processes that share a Postgres database and a folder."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

from service.engine.queue_schema import migrate_queue
from service.ledger.migration import migrate_postgres
from tests.servers.processes import WebProcess, free_port
from tests.servers.service import LOOPBACK_RECEIVERS, RunningService


class FleetProcess(WebProcess):
    """``afterimage serve`` or ``afterimage worker``, among others that share its database and its data folder."""

    def __init__(self, *command: str, port: int, data_dir: Path, env: Mapping[str, str], log: Path) -> None:
        self.data_dir = data_dir
        super().__init__(
            [str(Path(sys.executable).with_name("afterimage")), *command, "--port", str(port)],
            port=port,
            ready_path="/api/v1/health/ready",
            env=env,
            cwd=data_dir.parent,
            log=log,
        )


Service = RunningService | FleetProcess
"""A process that accepts jobs, on either engine."""


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
        self._data_dir = folder / "data"
        self._count = 0
        self._front_port = free_port()
        self._env = {
            "AFTERIMAGE_DATABASE_URL": url,
            "AFTERIMAGE_DATA_DIR": str(self._data_dir),
            "AFTERIMAGE_DATA_DIR_SHARED": "true",
            "AFTERIMAGE_PUBLIC_URL": f"http://127.0.0.1:{self._front_port}",
            **LOOPBACK_RECEIVERS,
            **env,
        }

    async def migrate(self) -> None:
        """Bring the database to the schema of this version."""
        await asyncio.to_thread(migrate_postgres, self._url, migrate_queue)

    def front(self, *, with_worker: bool = False) -> FleetProcess:
        """The process that accepts jobs where the links of all of them lead to."""
        command = ("serve", "--with-worker") if with_worker else ("serve",)
        return self._process(*command, port=self._front_port, env={})

    def api(self, **env: str) -> FleetProcess:
        """Another process that accepts jobs and works on none."""
        return self._process("serve", port=free_port(), env=env)

    def worker(self, **env: str) -> FleetProcess:
        """A process that works and accepts nothing."""
        return self._process("worker", port=free_port(), env=env)

    def _process(self, *command: str, port: int, env: dict[str, str]) -> FleetProcess:
        self._count += 1
        log = self._folder / f"{command[0]}-{self._count}.log"
        return FleetProcess(*command, port=port, data_dir=self._data_dir, env=self._env | env, log=log)
