"""Real child processes: started, waited for, stopped or killed by their own id, with what they print in a file."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.patience import PATIENCE_SECONDS

_POLL_SECONDS = 0.03
_PORTS = range(12_000, 30_000)  # below the range from which Linux takes the ports of outgoing connections


def free_port() -> int:
    """A loopback port nobody listens on, and that no outgoing connection can take while a server restarts on it.

    Until this process ends, no other one is given it: it stays bound in a way that lets a server listen on it.
    """
    while True:
        port = random.choice(_PORTS)  # noqa: S311 - no secret
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))  # fails where anybody is bound
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do, which may bind to it now
            probe.detach()  # from here on nobody closes it
            return port


def listens(port: int) -> bool:
    """Whether somebody takes connections on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The given variables on top of what every process needs; nothing of the developer's own configuration."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "COVERAGE_PROCESS_CONFIG")
    return {name: os.environ[name] for name in kept if name in os.environ} | dict(extra)


class ChildProcess:
    """One child process in a session of its own, so that nothing of it outlives `end`."""

    def __init__(self, arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> None:
        self._arguments = [sys.executable, *arguments]
        self._env = clean_environment(env)
        self._cwd = cwd
        self.log_path = log
        self._process: subprocess.Popen[bytes] | None = None

    def spawn(self) -> None:
        """Start the process; what it prints is appended to the log file."""
        assert not self.running, "it runs already"
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._arguments,
                env=self._env,
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """All that it printed so far, over all its starts."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    async def first_line(self, *, timeout_seconds: float = PATIENCE_SECONDS) -> str:
        """Wait for the first line that it prints, such as the URL of a server."""
        deadline = time.monotonic() + timeout_seconds
        while "\n" not in self.log:
            assert self.running, f"the process ended by itself\n{self.log}"
            assert time.monotonic() < deadline, f"nothing printed after {timeout_seconds} s"
            await asyncio.sleep(_POLL_SECONDS)
        return self.log.partition("\n")[0]

    async def exited(self, *, timeout_seconds: float = PATIENCE_SECONDS) -> int:
        """Wait for the end of the process; its exit code, negative for a signal."""
        assert self._process is not None
        deadline = time.monotonic() + timeout_seconds
        while (code := self._process.poll()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"still running after {timeout_seconds} s\n{self.log[-4000:]}")
            await asyncio.sleep(_POLL_SECONDS)
        return code

    async def stop(self, *, timeout_seconds: float = PATIENCE_SECONDS) -> int:
        """SIGTERM, and wait; the exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return await self.exited(timeout_seconds=timeout_seconds)

    async def kill9(self) -> None:
        """SIGKILL to the process alone: its own children are left to themselves, as a crash leaves them."""
        os.kill(self.pid, signal.SIGKILL)
        await self.exited()

    async def end(self, *, gently: bool = True) -> None:
        """Make sure that nothing of it runs any more; `gently` asks it first."""
        if self._process is None:
            return
        if gently and self.running:
            with suppress(TimeoutError):
                await self.stop(timeout_seconds=10)
        with suppress(ProcessLookupError):
            self.signal_family(signal.SIGKILL)
        await self.exited()

    def signal_family(self, number: int) -> None:
        """Signal the process and all its children, also those it left behind; 0 only asks whether there are any.

        Raises:
            ProcessLookupError: none of them is left.
        """
        os.killpg(self.pid, number)


class WebProcess(ChildProcess):
    """A child process that serves HTTP on a loopback port; as a context manager it is started and ended.

    Args:
        ready_path: Answers 200 once the process can do its work.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        port: int,
        ready_path: str,
        env: Mapping[str, str],
        cwd: Path,
        log: Path,
    ) -> None:
        super().__init__(arguments, env=env, cwd=cwd, log=log)
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._ready_path = ready_path

    async def start(self, *, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Spawn it and wait until it is ready."""
        self.spawn()
        await self.ready(timeout_seconds=timeout_seconds)

    async def ready(self, *, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the ready path answers 200."""
        deadline = time.monotonic() + timeout_seconds
        async with self.client() as client:
            while True:
                assert self.running, f"the process ended by itself\n{self.log[-4000:]}"
                with suppress(httpx.TransportError):  # it ends just now
                    if listens(self._port) and (await client.get(self._ready_path)).status_code == httpx.codes.OK:
                        return
                assert time.monotonic() < deadline, f"not ready after {timeout_seconds} s\n{self.log[-4000:]}"
                await asyncio.sleep(_POLL_SECONDS)

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A client of the process that heeds no proxy of the developer's, and loads no certificates for plain HTTP."""
        return httpx.AsyncClient(
            base_url=self.url,
            headers=headers,
            trust_env=False,
            verify=False,  # noqa: S501 - nothing is to be verified
            timeout=PATIENCE_SECONDS,
        )

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.end()  # one that never became ready must not outlive the test either
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.end()
