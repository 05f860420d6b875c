"""A process that holds the lock of an object, to be stopped: ``python -m tests.unit.storage.holding FOLDER KEY``."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from service.storage.keys import HIDDEN
from service.storage.sidecars import Sidecars
from tests.unit.storage.folders import OUT


def main(folder: str, key: str) -> None:
    with Sidecars(Path(folder) / OUT / HIDDEN / "sidecars").locked(key):
        print("held", flush=True)
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
