"""What the processes of a fleet may do together.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "limits",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("level", sa.Float, nullable=False),
        sa.Column("lowered_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="limits_pkey"),
    )
    op.create_table(
        "shares",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("held", sa.Integer, nullable=False),
        sa.Column("wanted", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", "holder", name="shares_pkey"),
    )
    op.create_table(
        "outages",
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("fault", sa.String(32), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("http_status", sa.Integer),
        sa.Column("open_until", sa.BigInteger, nullable=False),
        sa.Column("probe_until", sa.BigInteger),
        sa.PrimaryKeyConstraint("provider", name="outages_pkey"),
    )
