"""The two that are compared: the service and the stand-in, each a process of its own beside its provider."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.servers.processes import ChildProcess, WebProcess, free_port
from tests.servers.service import RunningService

Rival = Callable[[Path, str], WebProcess]
"""Makes one of the two from a folder of its own and the URL of its provider; not started."""

ROOT = Path(__file__).parents[2]


def service(folder: Path, provider_url: str, **env: str) -> RunningService:
    """The service with embedded defaults."""
    return RunningService(folder, _openai(provider_url) | {"AFTERIMAGE_LOG_LEVEL": "warning"} | env)


def standin(folder: Path, provider_url: str) -> WebProcess:
    """The stand-in of the predecessor's design."""
    port = free_port()
    return WebProcess(
        ["-m", "tests.bench.standin", "--port", str(port), "--folder", str(folder)],
        port=port,
        ready_path="/health",
        env=_openai(provider_url),
        cwd=ROOT,
        log=folder / "standin.log",
    )


@asynccontextmanager
async def provider(*, byte_count: int, delay_seconds: float) -> AsyncIterator[str]:
    """A provider in a process of its own; its URL."""
    with TemporaryDirectory() as folder:
        arguments = ["-m", "tests.bench.provider", "--byte-count", str(byte_count), "--delay", str(delay_seconds)]
        process = ChildProcess(arguments, env={}, cwd=ROOT, log=Path(folder) / "provider.log")
        process.spawn()
        try:
            yield await process.first_line()
        finally:
            await process.end()


@asynccontextmanager
async def running(rival: Rival, provider_url: str) -> AsyncIterator[WebProcess]:
    """A fresh process of one of the two, in a folder that is removed afterwards."""
    with TemporaryDirectory() as folder:
        process = rival(Path(folder), provider_url)
        try:
            await process.start()
            yield process
        finally:
            await process.end(gently=False)


def _openai(provider_url: str) -> dict[str, str]:
    return {"OPENAI_API_KEY": "sk-bench", "OPENAI_BASE_URL": f"{provider_url}/v1"}
