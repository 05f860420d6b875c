"""The tables of what the processes of a fleet may do together. A file, which has one process, leaves them empty."""

from __future__ import annotations

from sqlalchemy import Column, Float, Integer, String, Table, Text

from service.domain.faults import Fault
from service.ledger.schema import metadata
from service.ledger.types import Moment, one_of

limits = Table(
    "limits",
    metadata,
    Column("name", Text, primary_key=True),
    Column("level", Float, nullable=False),
    Column("lowered_at", Moment, nullable=False),
)

shares = Table(
    "shares",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", String(64), primary_key=True),
    Column("held", Integer, nullable=False),
    Column("wanted", Integer, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

paces = Table(
    "paces",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next_at", Moment, nullable=False),
)

outages = Table(
    "outages",
    metadata,
    Column("provider", String(64), primary_key=True),
    Column("fault", one_of(Fault), nullable=False),
    Column("message", Text, nullable=False),
    Column("code", Text),
    Column("http_status", Integer),
    Column("open_until", Moment, nullable=False),
    Column("probe_until", Moment),
)
