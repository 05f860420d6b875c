"""A process that takes all that it can get of a limit, says how much that is, and waits to be killed."""

from __future__ import annotations

import asyncio
import sys

from service.ledger.limits import SqlLimits
from service.ledger.postgres import PostgresDatabase
from service.limits.fleet import FleetLimits
from tests.contract.limit_suite import LEASE_SECONDS, User


async def main() -> None:
    url, most, wanted = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    ledger = SqlLimits(PostgresDatabase(url, connections=2))
    async with FleetLimits(ledger, holder="holder", lease_seconds=LEASE_SECONDS) as limits:
        user = User(limits, most=most)
        user.begin(wanted)
        await user.out_are(min(most, wanted))
        print(user.out, flush=True)
        while True:  # what ends begins anew, as with a batch
            await asyncio.sleep(0.2)
            user.end(1)
            user.begin(1)


asyncio.run(main())
