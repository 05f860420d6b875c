"""A process that accepts a job, says so, and waits to be killed."""

from __future__ import annotations

import asyncio
import sys

from tests.contract.ledger_suite import a_job, home_at


async def main() -> None:
    async with home_at(sys.argv[1]) as home:
        print((await home.ledger.accept(a_job())).job_id, flush=True)
        await asyncio.sleep(60)


asyncio.run(main())
