"""What each process of a fleet holds of each limit, on Postgres.

Time is the server's, so that clocks of hosts need not agree on when a lease ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from service.domain.limits import COMPLAINT_SECONDS, fair_shares, lowered, raised
from service.ledger.database import Database
from service.ledger.limit_schema import limits, shares
from service.ledger.paces import drawn
from service.ledger.types import Moment
from service.ports.limits import Claim, Draw, Grant, Turns

_TURN_SECONDS = 10  # for which the same process comes first where a limit cannot be divided evenly
_CONTENDS = timedelta(seconds=5)  # for which a process that wanted turns counts as one that will want more
_FORGOTTEN = timedelta(hours=1)
_COMPLAINT = timedelta(seconds=COMPLAINT_SECONDS)

# One at a time settles a limit, in one order, so that no two wait for each other; who is stopped meanwhile must not
# stop the others. What a crash of the server loses of these writes is told anew with the next beat, so nobody waits
# for its disk.
_BEGIN = text(
    "SELECT max(set_config('synchronous_commit', 'off', true)),"
    " max(set_config('idle_in_transaction_session_timeout', '3s', true)), max(pg_advisory_xact_lock(key)::text),"
    " (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now"
    " FROM (SELECT DISTINCT hashtextextended(name, 0) AS key FROM unnest(CAST(:names AS text[])) AS name ORDER BY key)"
    " AS keys"
).columns(now=Moment)

_GIVE_BACK = delete(shares).where(shares.c.name == bindparam("of_name"), shares.c.holder == bindparam("of_holder"))
_FORGET = delete(limits).where(limits.c.name == bindparam("of_name"))
_hold, _keep = insert(shares), insert(limits)
_HOLD = _hold.on_conflict_do_update(
    index_elements=[shares.c.name, shares.c.holder],
    set_={name: _hold.excluded[name] for name in ("held", "wanted", "expires_at")},
)
_KEEP = _keep.on_conflict_do_update(
    index_elements=[limits.c.name], set_={name: _keep.excluded[name] for name in ("level", "lowered_at")}
)


@dataclass(frozen=True, slots=True)
class _Lowered:
    """A limit that is not what it was at first."""

    level: float
    lowered_at: datetime


@dataclass(frozen=True, slots=True)
class _Share:
    held: int
    wanted: int


class SqlLimits:
    """Implements `service.ports.limits.LimitLedger` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settle(self, holder: str, claims: Sequence[Claim], *, lease_seconds: float) -> Sequence[Grant]:
        """Answer claims in their order, in one transaction."""
        lease = timedelta(seconds=lease_seconds)
        return await self._database.write(lambda connection: _settle(connection, holder, claims, lease))

    async def level(self, name: str, *, most: int) -> float:
        """How many may be out of one limit from all together."""
        kept = await self._database.read(lambda connection: _kept(connection, [name]))
        return min(kept[name].level, float(most)) if name in kept else float(most)

    async def draw(self, holder: str, draw: Draw) -> Turns:
        """Give a process the next turns of a rate, in one transaction."""
        return await self._database.write(lambda connection: _draw(connection, holder, draw))

    async def leave(self, holder: str) -> None:
        """Give back all that a process holds, and forget those that have long been gone."""
        await self._database.write(lambda connection: _leave(connection, holder))


def _settle(connection: Connection, holder: str, claims: Sequence[Claim], lease: timedelta) -> list[Grant]:
    names = [claim.name for claim in claims]
    now: datetime = connection.execute(_BEGIN, {"names": names}).one().now
    kept, others = _kept(connection, names), _others(connection, names, holder, now)
    moved = {claim.name: _moved(claim, kept.get(claim.name), now) for claim in claims}
    _keep_levels(connection, kept, moved)
    turn = int(now.timestamp()) // _TURN_SECONDS
    grants = [_granted(claim, moved[claim.name], holder, others[claim.name], turn) for claim in claims]
    _keep_shares(connection, holder, zip(claims, grants, strict=True), now + lease)
    return grants


def _moved(claim: Claim, kept: _Lowered | None, now: datetime) -> _Lowered | None:
    """A limit after what a process tells of it; None while it is what it was at first."""
    if claim.lowered and (kept is None or now - kept.lowered_at >= _COMPLAINT):
        return _Lowered(lowered(_level(claim, kept)), now)
    if kept is None:
        return None
    level = raised(kept.level, most=claim.most, successes=claim.successes)
    # The moment is kept for as long as further complaints are the same one.
    over = level >= claim.most and now - kept.lowered_at >= _COMPLAINT
    return None if over else _Lowered(level, kept.lowered_at)


def _level(claim: Claim, kept: _Lowered | None) -> float:
    return float(claim.most) if kept is None else min(kept.level, float(claim.most))


def _granted(claim: Claim, kept: _Lowered | None, holder: str, others: Mapping[str, _Share], turn: int) -> Grant:
    level = _level(claim, kept)
    wanted = {name: share.wanted for name, share in others.items()} | {holder: claim.wanted}
    fair = fair_shares(int(level), wanted, turn=turn)[holder]
    free = int(level) - sum(share.held for share in others.values())
    allowed = max(0, min(fair, free))
    return Grant(allowed=allowed, held=max(allowed, claim.out), level=level)


def _kept(connection: Connection, names: Sequence[str]) -> Mapping[str, _Lowered]:
    rows = connection.execute(select(limits).where(limits.c.name.in_(names)))
    return {row.name: _Lowered(row.level, row.lowered_at) for row in rows}


def _others(
    connection: Connection, names: Sequence[str], holder: str, now: datetime
) -> Mapping[str, Mapping[str, _Share]]:
    """What others hold whose leases have not ended."""
    found: defaultdict[str, dict[str, _Share]] = defaultdict(dict)
    theirs = select(shares).where(shares.c.name.in_(names), shares.c.holder != holder, shares.c.expires_at > now)
    for row in connection.execute(theirs):
        found[row.name][row.holder] = _Share(row.held, row.wanted)
    return found


def _keep_levels(connection: Connection, kept: Mapping[str, _Lowered], moved: Mapping[str, _Lowered | None]) -> None:
    for name, level in moved.items():
        if level is None and name in kept:
            connection.execute(_FORGET, {"of_name": name})
        elif level is not None and level != kept.get(name):
            connection.execute(_KEEP, {"name": name, "level": level.level, "lowered_at": level.lowered_at})


def _keep_shares(
    connection: Connection, holder: str, granted: Iterable[tuple[Claim, Grant]], expires_at: datetime
) -> None:
    held, given_back = [], []
    for claim, grant in granted:
        if claim.wanted or grant.held:
            row = {"name": claim.name, "holder": holder, "held": grant.held, "wanted": claim.wanted}
            held.append(row | {"expires_at": expires_at})
        else:
            given_back.append({"of_name": claim.name, "of_holder": holder})
    if held:
        connection.execute(_HOLD, held)
    if given_back:
        connection.execute(_GIVE_BACK, given_back)


def _draw(connection: Connection, holder: str, draw: Draw) -> Turns:
    now: datetime = connection.execute(_BEGIN, {"names": [draw.name]}).one().now
    others = {name: share.wanted for name, share in _others(connection, [draw.name], holder, now)[draw.name].items()}
    turns = drawn(connection, holder, draw, now=now, others=others)
    row = {"name": draw.name, "holder": holder, "held": turns.count, "wanted": draw.wanted}
    connection.execute(_HOLD, [row | {"expires_at": now + _CONTENDS}])
    return turns


def _leave(connection: Connection, holder: str) -> None:
    now: datetime = connection.execute(_BEGIN, {"names": []}).one().now
    gone = shares.c.expires_at < now - _FORGOTTEN
    connection.execute(delete(shares).where(or_(shares.c.holder == holder, gone)))
