"""The service itself as a real process on a free loopback port, for tests that go through its front door."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from tests.servers.processes import WebProcess, free_port

LOOPBACK_RECEIVERS = {
    "AFTERIMAGE_CALLBACK_ALLOW_HTTP": "true",
    "AFTERIMAGE_CALLBACK_ALLOW_NETWORKS": "127.0.0.0/8",
    "AFTERIMAGE_FETCH_ALLOW_NETWORKS": "127.0.0.0/8",
}


class RunningService(WebProcess):
    """``afterimage serve`` with embedded defaults on one data folder; may be killed and started again at will.

    Args:
        folder: Where the data folder, the log and the working directory are.
        env: Variables of the service, on top of defaults that let it call loopback receivers.
    """

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.data_dir = folder / "data"
        port = free_port()
        super().__init__(
            [str(Path(sys.executable).with_name("afterimage")), "serve"],
            port=port,
            ready_path="/api/v1/health/ready",
            env={
                "AFTERIMAGE_HOST": "127.0.0.1",
                "AFTERIMAGE_PORT": str(port),
                "AFTERIMAGE_DATA_DIR": str(self.data_dir),
                **LOOPBACK_RECEIVERS,
                **(env or {}),
            },
            cwd=folder,
            log=folder / "service.log",
        )
