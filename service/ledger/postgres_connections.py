"""How a process connects to Postgres: what the URL says, and limits where it says nothing."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Engine, create_engine

_NETWORK = {
    "application_name": "afterimage",
    "connect_timeout": "10",  # seconds, for each address of the host
    # A server that is gone without a word is noticed within about 30 seconds, whether something is asked or not.
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",  # milliseconds
}
_PATIENT = "-c statement_timeout=0 -c lock_timeout=0"
_LIMITED = "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"


def connection_parameters(url: str, *, patient: bool = False) -> Mapping[str, str]:
    """The parameters of libpq for a connection; those in the URL come first.

    Args:
        url: As libpq takes it: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
        patient: For what may take minutes, such as changing the schema; otherwise statements have limits, so that
            no lock and no slow plan can hold up the others for long.
    """
    given = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    options = f"{_PATIENT if patient else _LIMITED} {given.get('options', '')}".rstrip()  # of two, the later one counts
    return _NETWORK | given | {"options": options}


def postgres_engine(url: str, *, connections: int, patient: bool = False) -> Engine:
    """A SQLAlchemy engine that keeps so many connections. Its transactions are READ COMMITTED unless told otherwise."""
    return create_engine(
        "postgresql+psycopg://",
        # Statements are planned with their parameters each time. Prepared ones would in time be planned for any
        # parameters, and a rare status looked for among all jobs.
        connect_args={**connection_parameters(url, patient=patient), "prepare_threshold": None},
        pool_size=connections,
        max_overflow=0,
        isolation_level="READ COMMITTED",  # the server may have been given another default
        use_native_hstore=False,  # would be looked up with every first connection
    )
