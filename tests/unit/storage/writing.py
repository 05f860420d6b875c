"""A process that stores objects, so that it can be killed: ``python -m tests.unit.storage.writing FOLDER COUNT``.

Prints a line for each object once it is stored, or found stored.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.unit.storage.folders import folder_storage, out


def content_of(key: str) -> bytes:
    """What is stored under a key: 96 kB."""
    return key.encode().ljust(32, b".") * 3_000


async def main(folder: str, count: int) -> None:
    storage = folder_storage(Path(folder))

    async def put(number: int) -> None:
        key = f"folder-{number % 10}/{number}.png"
        stored = await storage.put(out(key), content_of(key), mime_type="image/png", metadata={"key": key})
        print(key, stored, flush=True)

    await asyncio.gather(*(put(number) for number in range(count)))
    await storage.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
